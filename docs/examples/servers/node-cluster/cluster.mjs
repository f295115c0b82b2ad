import cluster from "node:cluster";
import { createServer } from "node:http";

if (cluster.isPrimary) {
  for (let count = 0; count < 2; count++) cluster.fork();
  // A worker that a signal has killed has no status.
  cluster.on("exit", (_, status) => status !== 0 && process.exit(status ?? 1));
  // Each worker closes its server, and ends when its connections have.
  process.once("SIGTERM", () => cluster.disconnect());
} else {
  createServer((_, response) => response.end("Hello\n")).listen({ fd: 3 });
}
