// The library's drain, one rule after the other: what a process does with each kind of connection when it is told to stop.

import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Http1Connection } from "../../support/http1-client.js";
import { Http2Connection } from "../../support/http2-client.js";
import { killApps, NodeApp, RawClient } from "../../support/node-app.js";

afterEach(killApps);

const END = { status: 0, signal: null };
/** A whole answer, with a length or in chunks. */
const WHOLE = /\r\n\r\n(?:2\r\nok\r\n0\r\n\r\n|ok)$/;
const DONE = /\r\n\r\nok$/;

/** Serves a handler, with options. Prints "port N", "got PATH" and "told to stop". */
async function serving(handler: string, options = "{}", more = ""): Promise<{ app: NodeApp; port: number }> {
  const app = new NodeApp(`
const server = http.createServer((request, response) => {
  console.log("got " + request.url);
  ${handler}
});
${more}
const { address } = await serve(server, { listen: 0, ...${options} });
onStop(() => console.log("told to stop"));
console.log("port " + address.port);`);
  return { app, port: await app.port() };
}

async function stop(app: NodeApp): Promise<void> {
  app.signal("SIGINT");
  await app.output.next(/^told to stop$/);
}

describe("a response", () => {
  test("that is under way says Connection: close, and the process ends with it", async () => {
    const { app, port } = await serving('setTimeout(() => response.end("ok"), 300);');
    const client = new RawClient(port).get();
    await app.output.next(/^got/);
    await stop(app);
    expect(await client.until(DONE)).toMatch(/\r\nConnection: close\r\n/);
    await client.closed;
    expect(await app.ended).toEqual(END);
  });

  test.each([
    [
      "writeHead() with an object",
      'response.writeHead(200, { connection: "keep-alive", "Keep-Alive": "timeout=5", a: "b" })',
    ],
    ["writeHead() with a flat array", 'response.writeHead(200, "OK", ["Connection", "keep-alive", "a", "b"])'],
    ["setHeader()", 'response.setHeader("Connection", "keep-alive").setHeader("a", "b")'],
  ])("says so whatever the app says of the connection, by %s", async (_, head) => {
    const { app, port } = await serving(`${head}; response.end("ok");`);
    const client = new RawClient(port);
    await client.get("/before").until(WHOLE);
    expect(client.text).toMatch(/keep-alive/i);
    await stop(app);
    client.text = "";
    const text = await client.get("/after").until(WHOLE);
    expect(text).toMatch(/\r\nConnection: close\r\n/i);
    expect(text).toMatch(/\r\na: b\r\n/);
    expect(text).not.toMatch(/keep-alive/i);
    expect(await app.ended).toEqual(END);
  });

  test("whose headers are gone is left to its end, and the request after it has the last one", async () => {
    const { app, port } = await serving(
      'response.write("o"); setTimeout(() => response.end("k"), request.url === "/first" ? 300 : 0);',
    );
    const client = new RawClient(port).get("/first");
    await client.until(/\r\no\r\n/);
    await stop(app);
    await client.until(/\r\nk\r\n0\r\n\r\n$/);
    expect(client.text).not.toMatch(/Connection: close/);
    client.text = "";
    expect(await client.get("/second").until(/\r\n0\r\n\r\n$/)).toMatch(/Connection: close/);
    expect(await app.ended).toEqual(END);
  });

  test("that ended before its client has read it goes on past the grace", async () => {
    const size = 30e6;
    const { app, port } = await serving(
      `response.end(Buffer.alloc(${size}, "x")); console.log("ended");`,
      "{ idleGrace: 200 }",
    );
    const client = new RawClient(port);
    client.pause();
    client.get();
    await app.output.next(/^ended$/);
    await stop(app);
    await sleep(600);
    client.resume();
    await client.closed;
    expect(client.text.length - client.text.indexOf("\r\n\r\n") - 4).toBe(size);
    expect(await app.ended).toEqual(END);
  });

  test("streams on for as long as it takes", async () => {
    const { app, port } = await serving(
      "let count = 0; const timer = setInterval(() => { response.write(++count + ','); if (count === 10) { clearInterval(timer); response.end('end'); } }, 100);",
    );
    const client = new RawClient(port).get();
    await client.until(/1,/);
    await stop(app);
    await client.until(/end\r\n0\r\n\r\n$/);
    expect(await app.ended).toEqual(END);
  });
});

describe("a request", () => {
  test("of which half the head is there is waited for", async () => {
    const { app, port } = await serving('response.end("ok");');
    const connection = new Http1Connection({ port });
    const answer = connection.requestInPieces(500);
    await new RawClient(port).get().until(DONE);
    await stop(app);
    expect(await answer).toEqual({ body: "ok", closes: true });
  });

  test("whose body is half-way is waited for", async () => {
    const { app, port } = await serving(
      'let length = 0; request.on("data", data => (length += data.length)).on("end", () => response.end(String(length)));',
    );
    const upload = new Http1Connection({ port }).request({ body: Buffer.alloc(1e6), slowly: 600 });
    await app.output.next(/^got/);
    await stop(app);
    expect(await upload).toEqual({ body: "1000000", closes: true });
    expect(await app.ended).toEqual(END);
  });

  test("that is answered before its body has come is read to its end: no reset overtakes the answer", async () => {
    const { app, port } = await serving('response.end("early");');
    const keep = new RawClient(port);
    await keep.get().until(/early$/);
    await stop(app);
    const answer = await keep
      .send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3000000\r\n\r\n${"x".repeat(1000)}`)
      .until(/Connection: close.*early$/s);
    expect(answer).toMatch(/early$/);
    keep.send("x".repeat(2_999_000));
    await keep.closed;
    expect(keep.text).not.toMatch(/<E/);
    expect(await app.ended).toEqual(END);
  });

  test("is not the last of a client that pipelines when the next request has come while the process was busy", async () => {
    const busy = `if (request.url === "/busy") {
      console.log("is busy");
      for (const end = Date.now() + 300; Date.now() < end; );
    }
    setImmediate(() => response.end("ok"));`;
    const { app, port } = await serving(busy);
    const client = new RawClient(port);
    await client
      .get("/1")
      .get("/2")
      .until(/ok.*ok$/s);
    const other = new RawClient(port);
    await other.get("/").until(WHOLE);
    await stop(app);
    client.text = "";
    client.get("/3");
    other.get("/busy");
    await app.output.next(/^is busy$/);
    client.get("/4");
    await client.closed;
    expect(client.text.match(/ok/g)).toHaveLength(2);
    expect(await app.ended).toEqual(END);
  });

  test("is not the last when it is the first of its connection, and the next ones are on their way", async () => {
    const { app, port } = await serving(
      'response.end("ok");',
      "{}",
      'server.on("connection", () => console.log("accepted"));',
    );
    const client = new RawClient(port);
    await app.output.next(/^accepted$/);
    const other = new RawClient(port);
    await other.get("/other").until(DONE);
    await stop(app);
    client.get("/1");
    // When this answer has come, the first request is there, and only that one.
    await other.get("/other").closed;
    client.get("/2").get("/3");
    await client.closed;
    expect(client.text.match(/\r\n\r\nok/g)).toHaveLength(3);
    expect(client.text.match(/Connection: close/g)).toHaveLength(1);
    expect(await app.ended).toEqual(END);
  });

  test("is one of several in one packet: all are answered, and only the last says close", async () => {
    const { app, port } = await serving('setTimeout(() => response.end("ok"), 5);');
    const client = new RawClient(port);
    await client.get().until(DONE);
    await stop(app);
    client.text = "";
    client.send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    await client.closed;
    expect(client.text.match(/\r\n\r\nok/g)).toHaveLength(3);
    expect(client.text.match(/Connection: close/g)).toHaveLength(1);
    expect(client.text.indexOf("Connection: close")).toBeGreaterThan(client.text.lastIndexOf("HTTP/1.1") - 1);
  });

  test.each(["checkContinue", "checkExpectation"])(
    "that comes by the event %s is given to the app like any other",
    async event => {
      const goOn = event === "checkContinue" ? "response.writeContinue();" : "";
      const body = `console.log("${event}"); ${goOn} response.end("ok");`;
      const more = `server.on("${event}", (request, response) => { ${body} });`;
      const { app, port } = await serving("", "{}", more);
      const client = new RawClient(port);
      const expectation = `Expect: ${event === "checkContinue" ? "100-continue" : "wonders"}`;
      await client.get("/", expectation).until(DONE);
      await stop(app);
      client.text = "";
      expect(await client.get("/", expectation).until(DONE)).toMatch(/Connection: close/);
      expect(app.output.matching(new RegExp(`^${event}$`))).toHaveLength(2);
    },
  );
});

describe("a connection", () => {
  test("that is idle may bring a request within the grace, and is answered", async () => {
    const { app, port } = await serving('response.end("ok");', "{ idleGrace: 20_000 }");
    const client = new RawClient(port);
    await client.get().until(DONE);
    await stop(app);
    client.text = "";
    expect(await client.get().until(DONE)).toMatch(/Connection: close/);
    expect(await app.ended).toEqual(END);
  });

  test("that is idle is closed after the grace, and so is one that never said a word", async () => {
    const { app, port } = await serving('response.end("ok");', "{ idleGrace: 300 }");
    const [used, silent] = [new RawClient(port), new RawClient(port)];
    await used.get().until(DONE);
    await stop(app);
    const before = performance.now();
    await Promise.all([used.closed, silent.closed]);
    expect(performance.now() - before).toBeGreaterThan(200);
    expect([used.text, silent.text]).toEqual([expect.stringMatching(DONE), ""]);
    expect(await app.ended).toEqual(END);
  });

  test("has by default as long as the server itself gives it, and a second more", async () => {
    const { app, port } = await serving('response.end("ok");', "{}", "server.keepAliveTimeout = 500;");
    const client = new RawClient(port);
    await client.get().until(DONE);
    await stop(app);
    const before = performance.now();
    await client.closed;
    // Node closes it at the time that was announced (plus its own buffer, of a second).
    expect(performance.now() - before).toBeLessThan(2300);
    expect(await app.ended).toEqual(END);
  });

  test("is not closed for its silence before what it has sent is read", async () => {
    const { app, port } = await serving(
      'response.end("ok"); if (request.url === "/block") setTimeout(() => { console.log("blocks"); const end = Date.now() + 700; while (Date.now() < end); }, 100);',
      "{}",
      "server.keepAliveTimeout = 400;",
    );
    const client = new RawClient(port);
    await client.get("/block").until(DONE);
    await app.output.next(/^blocks$/);
    // The request comes in time, but the process looks at the clock first.
    client.text = "";
    await client.get("/in-time").until(DONE);
  });

  test("beyond stopTimeout is cut off, and the exit status says so", async () => {
    const { app, port } = await serving("", "{ stopTimeout: 300 }");
    const client = new RawClient(port).get();
    await app.output.next(/^got/);
    await stop(app);
    await client.closed;
    expect(await app.ended).toEqual({ status: 1, signal: null });
    expect(app.errors.matching(/1 connections were still open after 300 ms, and were closed/)).toHaveLength(1);
  });

  test("that was upgraded can be said goodbye to", async () => {
    const more = `server.on("upgrade", (request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: test\\r\\n\\r\\nhello");
    });`;
    const { app, port } = await serving("", '{ goodbye: socket => socket.end("goodbye") }', more);
    const client = new RawClient(port).get("/", "Connection: Upgrade", "Upgrade: test");
    await client.until(/hello$/);
    await stop(app);
    await client.closed;
    expect(client.text).toMatch(/hellogoodbye$/);
    expect(await app.ended).toEqual(END);
  });
});

describe("HTTP/2", () => {
  async function serving2(handler: string): Promise<{ app: NodeApp; port: number }> {
    const app = new NodeApp(`
const server = http2.createServer(async (request, response) => {
  console.log("got " + request.url);
  ${handler}
});
const { address } = await serve(server, { listen: 0, idleGrace: 500 });
onStop(() => console.log("told to stop"));
console.log("port " + address.port);`);
    return { app, port: await app.port() };
  }

  test("a session gets GOAWAY with the next request, which is answered, and so is what is under way", async () => {
    const { app, port } = await serving2('if (request.url === "/slow") await sleep(400); response.end("ok");');
    const connection = new Http2Connection({ port });
    await connection.request();
    const slow = connection.request({ path: "/slow" });
    await app.output.next(/^got \/slow$/);
    await stop(app);
    expect(connection.closed).toBe(false);
    expect(await connection.request()).toEqual({ body: "ok", closes: true });
    expect(connection.closed).toBe(true);
    expect((await slow).body).toBe("ok");
    expect(await app.ended).toEqual(END);
  });

  test("a session that asks nothing gets it after the grace", async () => {
    const { app, port } = await serving2('response.end("ok");');
    const connection = new Http2Connection({ port });
    await connection.request();
    await stop(app);
    expect(await app.ended).toEqual(END);
    expect(connection.closed).toBe(true);
  });
});

test("a server of node:net ends with its connections, and the app learns that they should", async () => {
  const app = new NodeApp(`
const sockets = new Set();
const server = net.createServer(socket => { sockets.add(socket); socket.write("hello"); });
const { address, closed } = await serve(server, { listen: 0 });
onStop(() => { for (const socket of sockets) socket.end("goodbye"); });
onStop(async () => { await closed; console.log("closed, " + stopping.aborted); });
console.log("port " + address.port);`);
  const client = new RawClient(await app.port());
  await client.until(/hello/);
  app.signal("SIGTERM");
  await client.until(/goodbye$/);
  expect(await app.ended).toEqual(END);
  expect(app.output.lines.at(-1)).toBe("closed, true");
});
