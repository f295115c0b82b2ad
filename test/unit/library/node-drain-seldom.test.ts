// The library's drain, and what apps and clients do seldom, but may.

import { connect as connect2 } from "node:http2";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test } from "@jest/globals";
import { killApps, NodeApp, RawClient } from "../../support/node-app.js";
import { ROOT } from "../../support/supervisor.js";

afterEach(killApps);

const END = { status: 0, signal: null };
const DONE = /\r\n\r\nok$/;

/** Serves a server. Prints "port N", and "told to stop". */
async function serving(server: string, options = "{}"): Promise<{ app: NodeApp; port: number }> {
  const app = new NodeApp(`
import https from "node:https";
import tls from "node:tls";
import { readFileSync } from "node:fs";
const server = ${server};
const { address } = await serve(server, { listen: 0, ...${options} });
onStop(() => console.log("told to stop"));
console.log("port " + address.port);`);
  return { app, port: await app.port() };
}

const http = (handler: string) => `http.createServer((request, response) => { ${handler} })`;

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

describe("headers in a last response", () => {
  test.each([
    ["pairs", '[["Set-Cookie", "a"], ["Set-Cookie", "b"], ["Connection", "keep-alive"]]'],
    ["a flat array", '["Set-Cookie", "a", "Set-Cookie", "b", "Connection", "keep-alive"]'],
    ["an object", '{ "Set-Cookie": ["a", "b"], connection: "keep-alive" }'],
  ])("that repeat are all there, from %s", async (_, headers) => {
    const { app, port } = await serving(http(`response.writeHead(200, ${headers}); response.end();`));
    const client = new RawClient(port);
    await client.get().until(/\r\n0\r\n\r\n$/);
    await stop(app);
    client.text = "";
    await client.get().closed;
    expect(client.text.match(/^(?:Set-Cookie|Connection): .*(?=\r)/gim)?.sort()).toEqual([
      "Connection: close",
      "Set-Cookie: a",
      "Set-Cookie: b",
    ]);
    expect(await app.ended).toEqual(END);
  });
});

describe("a request that is refused before its body has come", () => {
  const post = (length: number, ...headers: string[]) =>
    `POST / HTTP/1.1\r\n${["Host: a", `Content-Length: ${length}`, ...headers].join("\r\n")}\r\n\r\n`;

  test("after Expect: 100-continue doesn't keep the process", async () => {
    const refusing = `${http('response.end("ok");')}.on("checkContinue", (request, response) => response.writeHead(413).end("ok"))`;
    const { app, port } = await serving(refusing);
    const client = await accepted(port);
    await stop(app);
    await client.send(post(10, "Expect: 100-continue")).closed;
    expect(client.text).toMatch(/^HTTP\/1.1 413 /);
    expect(await app.ended).toEqual(END);
  });

  test("by an app that stops reading is read to its end", async () => {
    const refusing = `if (request.method === "GET") return response.end("ok");
      request.once("data", () => { request.pause(); response.writeHead(413).end("ok"); });`;
    const { app, port } = await serving(http(refusing));
    const client = await accepted(port);
    await stop(app);
    await client.send(post(3_000_000) + "x".repeat(3_000_000)).closed;
    expect(client.text).toMatch(/^HTTP\/1.1 413 [^<]*$/);
    expect(await app.ended).toEqual(END);
  });
});

describe("time", () => {
  test("without a limit is none that is over at once", async () => {
    const { app, port } = await serving(
      http('setTimeout(() => response.end("ok"), 300);'),
      "{ stopTimeout: Infinity, idleGrace: Infinity }",
    );
    const client = await accepted(port);
    await stop(app);
    await client.get().until(DONE);
    expect(await app.ended).toEqual(END);
    expect(app.errors.matching(/Warning/)).toEqual([]);
  });

  test("a grace of 0 isn't for ever for connections that become idle later", async () => {
    const { app, port } = await serving(
      http('response.write("o"); setTimeout(() => response.end("k"), 300);'),
      "{ idleGrace: 0 }",
    );
    const client = new RawClient(port);
    await client.get().until(/o\r\n$/);
    await stop(app);
    await client.closed;
    expect(client.text).toMatch(/k\r\n0\r\n\r\n$/);
    expect(await app.ended).toEqual(END);
  });

  test("for idle connections that is longer than that for all doesn't make the stop fail", async () => {
    const { app, port } = await serving(
      `Object.assign(${http('response.end("ok");')}, { keepAliveTimeout: 60_000 })`,
      "{ stopTimeout: 3000 }",
    );
    const client = await accepted(port);
    await stop(app);
    await client.closed;
    expect(await app.ended).toEqual(END);
  });

  test("that the app sets a response is the app's to decide on", async () => {
    const { port } = await serving(http('response.setTimeout(50, () => setTimeout(() => response.end("ok"), 200));'));
    await new RawClient(port).get().until(DONE);
  });
});

describe("over TLS", () => {
  const certificate = `${ROOT}test/apps/certificate`;
  const pair = `{ cert: readFileSync("${certificate}/cert.pem"), key: readFileSync("${certificate}/key.pem") }`;
  const handshake = async (port: number) => {
    const client = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
    await new Promise(resolve => client.once("secureConnect", resolve));
    return client;
  };

  test("a connection that was made in advance, and asks nothing, is closed after the grace", async () => {
    const { app, port } = await serving(`https.createServer(${pair})`, "{ idleGrace: 300 }");
    const client = await handshake(port);
    await stop(app);
    await new Promise(resolve => client.once("close", resolve));
    expect(await app.ended).toEqual(END);
  });

  test.each([
    ["https", `https.createServer(${pair}, HANDLER)`],
    ["http2", `http2.createSecureServer({ ...${pair}, allowHTTP1: true }, HANDLER)`],
    ["tls", `tls.createServer(${pair}, socket => setTimeout(() => socket.end("ok"), 900))`],
  ])(
    "of %s a handshake that stalls is given up after the grace, and no connection that is done with it",
    async (_, server) => {
      const handler = '(_, response) => { console.log("asked"); setTimeout(() => response.end("ok"), 900); }';
      const program = `${server.replace("HANDLER", handler)}.on("connection", () => console.log("accepted"))`;
      const { app, port } = await serving(program, "{ idleGrace: 300, stopTimeout: 20_000 }");
      const stalled = new RawClient(port).send("\x16\x03\x01\x02\x00\x01");
      await app.output.next(/^accepted$/);
      const client = await handshake(port);
      let answer = "";
      client.on("data", data => (answer += data));
      if (!server.startsWith("tls")) {
        client.write("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        await app.output.next(/^asked$/);
      }
      await stop(app);
      await stalled.closed;
      await new Promise(resolve => client.once("close", resolve));
      expect(answer).toMatch(/ok/);
      expect(await app.ended).toEqual(END);
    },
  );
});

test("a server of HTTP/2 that goes by streams is left alone: its CONNECT is not answered with 405", async () => {
  const { port } =
    await serving(`http2.createServer({ settings: { enableConnectProtocol: true } }).on("stream", stream => {
    setTimeout(() => { stream.respond(); stream.end("ok"); }, 20);
  })`);
  const session = connect2(`http://127.0.0.1:${port}`);
  await new Promise(resolve => session.once("remoteSettings", resolve));
  const stream = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": "/" });
  const headers = await new Promise<Record<string, unknown>>(resolve => stream.once("response", resolve));
  expect(headers[":status"]).toBe(200);
  session.destroy();
});
