// A server that is warm before its first client, and one whose clients don't all come back at the same time.

import { afterEach, describe, expect, test } from "@jest/globals";
import { Http2Connection } from "../../support/http2-client.js";
import { killApps, NodeApp, RawClient } from "../../support/node-app.js";

afterEach(killApps);

const END = { status: 0, signal: null };
const COUNT = `const counts = {};
const server = http.createServer((request, response) => {
  counts[request.url] = (counts[request.url] ?? 0) + 1;
  response.end("ok " + JSON.stringify([counts, server.listening]));
});`;

async function warmed(options: string, program = COUNT): Promise<{ app: NodeApp; answer: string }> {
  const app = new NodeApp(`${program}
const { address } = await serve(server, { listen: 0, ${options} });
console.log("port " + address.port);`);
  const client = new RawClient(await app.port()).get("/client");
  return { app, answer: /\[.*$/.exec(await client.until(/ok .*$/))![0] };
}

describe("warm", () => {
  test("asks for each path so many times before the server listens", async () => {
    const program = COUNT.replace(
      "counts[request.url] =",
      "if (server.listening && request.url !== '/client') throw 1; $&",
    );
    const { app, answer } = await warmed(`warm: { paths: ["/", "/more"], times: 30 }`, program);
    expect(JSON.parse(answer)).toEqual([{ "/": 30, "/more": 30, "/client": 1 }, true]);
    app.signal("SIGINT");
    expect(await app.ended).toEqual(END);
  });

  test("takes no longer than it may", async () => {
    const before = performance.now();
    const { answer } = await warmed(`warm: { paths: ["/"], times: 1e9, time: 300 }`);
    expect(performance.now() - before).toBeLessThan(3000);
    expect(JSON.parse(answer)[0]["/"]).toBeGreaterThan(5);
  });

  test("calls a function with a socket that the server answers on", async () => {
    const ask = `socketPath => new Promise(resolve =>
      http.get({ socketPath, path: "/mine" }, response => response.resume().on("end", resolve)))`;
    const { answer } = await warmed(`warm: { run: ${ask} }`);
    expect(JSON.parse(answer)[0]).toEqual({ "/mine": 1, "/client": 1 });
  });

  test("leaves no connection behind, though an answer never ended", async () => {
    const endless = `const server = http.createServer((request, response) => {
      if (request.url === "/client") return response.end("ok []");
      response.once("close", () => console.log("left")).write("event");
    });`;
    const { app } = await warmed(`warm: { paths: ["/events"], time: 100 }`, endless);
    await app.output.next(/^left$/);
  });

  test("without a directory for its socket is told of, and the server serves", async () => {
    const { app } = await warmed(`warm: { paths: ["/"] }`, `process.env.TMPDIR = "/nonexistent"; ${COUNT}`);
    expect(app.errors.matching(/warm: ENOENT: .*nonexistent/)).toHaveLength(1);
  });

  test("that fails is told of, and the server serves", async () => {
    const { app, answer } = await warmed(`warm: { run: () => { throw new Error("no database"); } }`);
    expect(JSON.parse(answer)[0]).toEqual({ "/client": 1 });
    expect(app.errors.matching(/warm: no database$/)).toHaveLength(1);
  });

  test.each([
    ["warm: 1", "TypeError: serve(): warm isn't an object"],
    ["warm: { path: ['/'] }", 'TypeError: serve(): warm has no "path", but paths, run, times, time'],
    ["warm: { paths: ['x'] }", 'TypeError: serve(): warm.paths isn\'t a list of paths ("/", "/login" …)'],
    ["warm: { times: -1 }", "RangeError: serve(): warm.times: -1 isn't a number"],
    ["warm: { run: 1 }", "TypeError: serve(): warm.run isn't a function"],
    ["drainSpread: -1", "RangeError: serve(): { drainSpread: -1 } isn't a time in ms"],
    ["handover: 1", "TypeError: serve(): { handover: 1 } is neither true nor false"],
  ])("{ %s } is refused", async (options, error) => {
    const app = new NodeApp(`${COUNT} await serve(server, { listen: 0, ${options} });`);
    await app.ended;
    expect(app.errors.matching(/^\w+Error: /)).toEqual([error]);
  });
});

describe("drainSpread", () => {
  /** Asks again and again. @returns when, ms after the stop, an answer said that it is the last */
  async function lastAnswer(client: RawClient, since: number): Promise<number> {
    for (;;) {
      client.text = "";
      if (/Connection: close/.test(await client.get().until(/ok .*$/))) return performance.now() - since;
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  }

  test("tells clients of HTTP/1.1 to close one after the other", async () => {
    const app = new NodeApp(`${COUNT}
const { address } = await serve(server, { listen: 0, drainSpread: 1000, idleGrace: 300 });
onStop(() => console.log("told to stop"));
console.log("port " + address.port);`);
    const port = await app.port();
    const clients = Array.from({ length: 20 }, () => new RawClient(port).get());
    for (const client of clients) await client.until(/ok .*$/);
    app.signal("SIGINT");
    await app.output.next(/^told to stop$/);
    const since = performance.now();
    const times = await Promise.all(clients.map(client => lastAnswer(client, since)));
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(300);
    expect(Math.max(...times)).toBeLessThan(2000);
    expect(await app.ended).toEqual(END);
  });

  test("tells sessions of HTTP/2 to, which lose nothing", async () => {
    const app = new NodeApp(`const server = http2.createServer((_, response) => response.end("ok"));
const { address } = await serve(server, { listen: 0, drainSpread: 600, idleGrace: 300 });
onStop(() => console.log("told to stop"));
console.log("port " + address.port);`);
    const port = await app.port();
    const connections = Array.from({ length: 10 }, () => new Http2Connection({ port, host: "127.0.0.1" }));
    for (const connection of connections) await connection.request();
    app.signal("SIGINT");
    await app.output.next(/^told to stop$/);
    const since = performance.now();
    const times = await Promise.all(
      connections.map(async connection => {
        while (!connection.closed) {
          await connection.request();
          await new Promise(resolve => setTimeout(resolve, 10));
        }
        return performance.now() - since;
      }),
    );
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(100);
    expect(await app.ended).toEqual(END);
  });
});
