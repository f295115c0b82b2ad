// serve() says goodbye to what HTTP has left to the app: WebSockets over HTTP/1.1, and over a stream of HTTP/2 (RFC 8441).

import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { afterEach, expect, test } from "@jest/globals";
import { killApps, NodeApp, RawClient } from "../../support/node-app.js";

afterEach(killApps);

const END = { status: 0, signal: null };
const DONE = /\r\n\r\nok$/;
const HELLO = "HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: test\\r\\n\\r\\nhello";
const HTTP1 = `http.createServer((request, response) => setTimeout(() => response.end("ok"), 300))
  .on("upgrade", (_, socket) => { socket.on("end", () => socket.end()); socket.write("${HELLO}"); })`;

/** Serves a server. Prints "port N", and "told to stop". */
async function serving(server: string, options: string): Promise<{ app: NodeApp; port: number }> {
  const app = new NodeApp(`
const { address } = await serve(${server}, { listen: 0, ...${options} });
onStop(() => console.log("told to stop"));
console.log("port " + address.port);`);
  return { app, port: await app.port() };
}

async function stop(app: NodeApp): Promise<void> {
  app.signal("SIGINT");
  await app.output.next(/^told to stop$/);
}

/** Connects a client, and asks once, so that its connection is not in the backlog any more. */
async function accepted(port: number): Promise<RawClient> {
  const client = new RawClient(port);
  await client.get().until(DONE);
  client.text = "";
  return client;
}

async function upgraded(client: RawClient): Promise<RawClient> {
  await client.get("/", "Connection: Upgrade", "Upgrade: test").until(/hello/);
  return client;
}

test("it is said to what is upgraded after the stop, too", async () => {
  const { app, port } = await serving(HTTP1, '{ goodbye: socket => socket.end("goodbye") }');
  const client = await accepted(port);
  await stop(app);
  await upgraded(client);
  await client.closed;
  expect(client.text).toMatch(/hellogoodbye$/);
  expect(await app.ended).toEqual(END);
});

test("one that throws costs no request", async () => {
  const goodbye = '{ goodbye: socket => { socket.end(); throw new Error("no words"); } }';
  const { app, port } = await serving(HTTP1, goodbye);
  await upgraded(new RawClient(port));
  const client = await accepted(port);
  client.get();
  await stop(app);
  await client.until(DONE);
  expect(await app.ended).toEqual(END);
  expect(app.errors.matching(/^zerodown: goodbye: Error: no words$/)).toHaveLength(1);
});

test("goodbyeSpread spreads it evenly over the time, and doesn't say it to those who have left meanwhile", async () => {
  const [count, spread] = [20, 2000];
  const { app, port } = await serving(
    HTTP1,
    `{ goodbyeSpread: ${spread}, goodbye: socket => { console.log("goodbye", performance.now()); socket.end("goodbye"); } }`,
  );
  const clients: RawClient[] = [];
  for (let index = 0; index < count; index++) clients.push(await upgraded(new RawClient(port)));
  const [first, ...others] = clients;
  const [left] = others.splice(count / 2, 1);
  await stop(app);
  await first!.closed;
  left!.end();
  await Promise.all([left, ...others].map(client => client!.closed));
  expect(await app.ended).toEqual(END);

  const times = app.output.matching(/^goodbye /).map(line => Number(line.split(" ")[1]));
  expect([times.length, left!.text]).toEqual([count - 1, expect.not.stringMatching(/goodbye/)]);
  // Which part of the whole time has passed at each, and ought to have passed.
  const parts = times.map(time => (time - times[0]!) / spread);
  const turns = [...Array(count).keys()].filter(turn => turn !== count / 2 + 1);
  const late = parts.map((part, index) => part - turns[index]! / count);
  // A machine that is busy comes to it later, but never sooner than by the clock's millisecond.
  expect(Math.min(...late)).toBeGreaterThan(-0.01);
  expect(Math.max(...late)).toBeLessThan(0.4);
});

test("without goodbyeSpread all are told at once, before the process does anything else", async () => {
  const goodbye =
    '{ goodbye: socket => { console.log("goodbye"); socket.end(); setImmediate(() => console.log("else")); } }';
  const { app, port } = await serving(HTTP1, goodbye);
  for (let index = 0; index < 5; index++) await upgraded(new RawClient(port));
  await stop(app);
  expect(await app.ended).toEqual(END);
  expect(app.output.matching(/goodbye|else/).slice(0, 5)).toEqual(Array(5).fill("goodbye"));
});

// ── HTTP/2 ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const SETTINGS = "settings: { enableConnectProtocol: true }";
/** An app that goes by streams, and one that goes by requests and responses, as node:http's do. */
const HTTP2 = {
  streams: `http2.createServer({ ${SETTINGS} }).on("stream", (stream, headers) => {
    stream.respond();
    if (headers[":method"] === "CONNECT") stream.write("hello");
    else stream.end("ok");
  })`,
  requests: `http2.createServer({ ${SETTINGS} }, (request, response) => response.end("ok"))
    .on("connect", (request, { stream }) => { stream.respond(); stream.write("hello"); })`,
};

const GOODBYE2 =
  '{ idleGrace: 200, goodbye: stream => { console.log(stream.constructor.name); stream.end("goodbye"); } }';

async function session(port: number): Promise<ClientHttp2Session> {
  const client = connect(`http://127.0.0.1:${port}`);
  await new Promise(resolve => client.once("remoteSettings", resolve));
  return client;
}

function webSocket(client: ClientHttp2Session) {
  const stream = client.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": "/" });
  const got = { text: "", code: undefined as number | undefined };
  stream.on("data", (data: Buffer) => (got.text += data));
  const opened = new Promise(resolve => stream.once("data", resolve));
  const closed = closing(stream).then(() => ({ ...got, code: stream.rstCode }));
  // A client of WebSockets answers the server's close.
  stream.on("end", () => stream.end());
  return { opened, closed };
}

function closing(stream: ClientHttp2Stream): Promise<void> {
  return new Promise(resolve => stream.once("close", () => resolve()));
}

test.each(Object.entries(HTTP2))("over HTTP/2 it is said to a stream of CONNECT, by %s", async (_, server) => {
  const { app, port } = await serving(server, GOODBYE2);
  const client = await session(port);
  const { opened, closed } = webSocket(client);
  await opened;
  await stop(app);
  expect(await closed).toEqual({ text: "hellogoodbye", code: 0 });
  expect(await app.ended).toEqual(END);
  expect(app.output.matching(/Stream|Response/)).toEqual(["ServerHttp2Stream"]);
});

test.each(Object.entries(HTTP2))("and to one that comes after the stop, by %s", async (_, server) => {
  const { app, port } = await serving(server, GOODBYE2);
  const client = await session(port);
  await stop(app);
  expect(await webSocket(client).closed).toEqual({ text: "hellogoodbye", code: 0 });
  expect(await app.ended).toEqual(END);
  expect(app.output.matching(/Stream|Response/)).toEqual(["ServerHttp2Stream"]);
});

test("without goodbye a WebSocket over HTTP/2 keeps the process until its end", async () => {
  const { app, port } = await serving(HTTP2.streams, "{ idleGrace: 0, stopTimeout: 700 }");
  const { opened, closed } = webSocket(await session(port));
  await opened;
  await stop(app);
  expect((await closed).text).toBe("hello");
  expect(await app.ended).toEqual({ status: 1, signal: null });
  expect(app.errors.matching(/1 connections were still open after 700 ms/)).toHaveLength(1);
});
