// An app on the library; with BARE=1 the same on Node alone. /slow?MS answers after that long.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { serve } from "zerodown";

const { BARE, HOST, PORT } = process.env;

const server = createServer(async (request, response) => {
  if (request.url.startsWith("/slow?")) await sleep(Number(request.url.slice("/slow?".length)));
  response.end(`Hello from pid ${process.pid}\n`);
});

const listen = { host: HOST, port: Number(PORT) };
if (BARE) server.listen(listen);
else await serve(server, { listen });
