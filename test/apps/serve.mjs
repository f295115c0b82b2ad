// The library at work: HTTP, HTTPS and both kinds of HTTP/2, each on the passed socket of its name.
//
//   /            which generation answers, and the length of what was sent
//   /stream?MS   a line each 50 ms, for that long; the last one says "end"
//   /slow?MS     the same as /, after that long
//   /early       answers before it has read anything
//   /keep        says "Connection: keep-alive" itself
//   /restart     the next generation, please
//
// $SERVE has options of serve(), $SERVER properties of each server, as JSON.
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { init, listenFds, restart, serve } from "zerodown";

if (process.env.INIT) init(JSON.parse(process.env.INIT));

const generation = process.env.ZERODOWN_GENERATION ?? "0";
const options = Object.fromEntries(
  ["key", "cert"].map(name => [name, readFileSync(new URL(`certificate/${name}.pem`, import.meta.url))]),
);

async function answer(request, response) {
  const { pathname, search } = new URL(request.url, "http://localhost");
  const milliseconds = Number(search.slice(1));
  if (pathname === "/early") {
    response.end(`generation ${generation}, before all was read\n`);
    request.resume();
    return;
  }
  let length = 0;
  for await (const chunk of request) length += chunk.length;
  if (pathname === "/stream") {
    response.setHeader("Content-Type", "text/plain");
    for (const end = Date.now() + milliseconds; Date.now() < end; await sleep(50)) response.write("more\n");
    response.end("end\n");
    return;
  }
  if (pathname === "/slow") await sleep(milliseconds);
  if (pathname === "/restart") {
    const next = await restart().catch(error => error.message);
    response.end(`generation ${generation}: ${next}\n`);
    return;
  }
  if (pathname === "/keep") response.writeHead(200, { Connection: "keep-alive", "Content-Type": "text/plain" });
  response.end(`generation ${generation}, ${length} bytes\n`);
}

const servers = {
  http: () => http.createServer(answer),
  https: () => https.createServer(options, answer),
  h2c: () => http2.createServer(answer),
  h2: () => http2.createSecureServer({ ...options, allowHTTP1: true }, answer),
};
const names = listenFds()
  .map(({ name }) => name)
  .filter(name => name in servers);
const more = JSON.parse(process.env.SERVE ?? "{}");
const configured = server => Object.assign(server, JSON.parse(process.env.SERVER ?? "{}"));
await Promise.all(
  (names.length > 0 ? names : ["http"]).map(name =>
    serve(configured(servers[name]()), { ...(names.length > 0 ? { socket: name } : {}), ...more }),
  ),
);
