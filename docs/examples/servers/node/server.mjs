import { createServer } from "node:http";
import { serve } from "zerodown";

const server = createServer((_, response) => response.end("Hello\n"));
await serve(server);
