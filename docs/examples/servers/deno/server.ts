import { createServer } from "node:http";
import process from "node:process";

const server = createServer((_, response) => response.end("Hello\n"));
server.listen({ fd: 3 });
// What is under way is answered first.
process.once("SIGTERM", () => server.close(() => process.exit()));
