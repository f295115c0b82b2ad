import cluster from "node:cluster";
import { createServer } from "node:http";

if (cluster.isPrimary) {
  for (let count = 0; count < 2; count++) cluster.fork();
  // A worker that a signal has killed has no status.
  cluster.on("exit", (_, status) => status !== 0 && process.exit(status ?? 1));
  process.once("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.send("drain");
  });
} else {
  let isDraining = false;
  const server = createServer((_, response) => {
    // close() leaves a connection that is being answered open, for as long as its client goes on asking.
    if (isDraining) response.setHeader("Connection", "close");
    response.end("Hello\n");
  });
  server.listen({ fd: 3 });
  process.once("message", () => {
    isDraining = true;
    server.close(() => process.disconnect());
  });
}
