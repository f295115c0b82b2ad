// A process takes the kept connections of the one whose place it takes; the test gives them, from clients of its own.

import { closeSync, openSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type End, endParties, Party } from "../../support/handover-party.js";
import { RawClient } from "../../support/node-app.js";
import { temporaryDirectory } from "../../support/supervisor.js";

/** Where the test's clients have connected to before their connections move. */
let server: Server;
const accepted: Socket[] = [];

beforeEach(async () => {
  server = createServer({ pauseOnConnect: true }, socket => accepted.push(socket));
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  await endParties();
  server.close();
  for (const socket of accepted.splice(0)) socket.destroy();
});

const END = { status: 0, signal: null };
const OK = `const server = http.createServer((request, response) => {
  console.log("got " + request.url);
  response.end("done");
})`;
const DONE = /\r\n\r\ndone$/;

interface Given {
  readonly client: RawClient;
  readonly fd: number;
}

/** A client, and the descriptor of its connection on this side. */
async function connect(): Promise<Given> {
  const connected = new Promise<Socket>(resolve => server.once("connection", resolve));
  const client = new RawClient((server.address() as { port: number }).port);
  const socket = await connected;
  return { client, fd: (socket as unknown as { _handle: { fd: number } })._handle.fd };
}

async function start(program = OK, options = "{}", more = {}): Promise<{ app: Party; end: End }> {
  const app = new Party(program, options, more);
  expect(await app.ready()).toBe(true);
  const end = app.introduce("TAKE");
  expect(String((await end.next()).data)).toBe("TAKEN=0\nOPEN=0");
  return { app, end };
}

/** Gives a connection away, and keeps none of it. @returns what is said to that */
async function give(end: End, text: string, ...given: readonly Given[]): Promise<string> {
  const fds = given.map(({ fd }) => fd);
  end.say(text, fds);
  const said = String((await end.next()).data);
  for (const socket of accepted.splice(0)) socket.destroy();
  return said;
}

describe("a connection that is given", () => {
  test("is answered on, with what had come before", async () => {
    const { app, end } = await start(`${OK}; server.on("connection", () => console.log("connection"));`);
    const one = await connect();
    one.client.get("/before");
    expect(await give(end, "SOCKET=0\nREQUESTS=1", one)).toBe("TAKEN=1\nOPEN=1");
    await one.client.until(DONE);
    one.client.text = "";
    await one.client.get("/after").until(DONE);
    expect(app.output.matching(/^(?:got|connection)/)).toEqual(["connection", "got /before", "got /after"]);
  });

  test("is idle there, and not a client that is late with its first request", async () => {
    const late =
      "{ headersTimeout: 300, requestTimeout: 300, connectionsCheckingInterval: 50, keepAliveTimeout: 60_000 }";
    const { end } = await start(OK.replace("createServer(", `createServer(${late}, `));
    const [used, fresh] = [await connect(), await connect()];
    expect(await give(end, "SOCKET=0\nREQUESTS=7 0", used, fresh)).toBe("TAKEN=2\nOPEN=2");
    await fresh.client.closed;
    expect(fresh.client.text).toMatch(/^HTTP\/1.1 408/);
    await used.client.get().until(DONE);
  });

  test("is closed when it has been idle for keepAliveTimeout again, and not sooner", async () => {
    const { end } = await start(`${OK}; server.keepAliveTimeout = 300;`);
    const [silent, used] = [await connect(), await connect()];
    const before = performance.now();
    await give(end, "SOCKET=0\nREQUESTS=1 1", silent, used);
    await sleep(200);
    used.client.send("GET /half HTTP/1.1\r\n");
    await silent.client.closed;
    expect(performance.now() - before).toBeGreaterThan(1290);
    // Its request has begun, and may take its time.
    await sleep(300);
    await used.client.send("Host: a\r\n\r\n").until(DONE);
    await used.client.closed;
  });

  test("has the timeout of the server's other connections", async () => {
    const { end } = await start(`${OK}; server.timeout = 200; server.keepAliveTimeout = 60_000;`);
    const one = await connect();
    await give(end, "SOCKET=0\nREQUESTS=1", one);
    await one.client.closed;
    expect(one.client.text).toBe("");
  });

  test("has brought its requests already, where the server limits them", async () => {
    const { app, end } = await start(`${OK}; server.maxRequestsPerSocket = 3;`);
    const one = await connect();
    await give(end, "SOCKET=0\nREQUESTS=1", one);
    expect(await one.client.get("/2").until(DONE)).not.toMatch(/Connection: close/);
    one.client.text = "";
    expect(await one.client.get("/3").until(DONE)).toMatch(/Connection: close/);
    // Another one begins at its first.
    const client = new RawClient(app.port).get("/1");
    expect(await client.until(DONE)).not.toMatch(/Connection: close/);
  });

  test("counts among the server's", async () => {
    const tell = `${OK}; setInterval(() => server.getConnections((_, count) => console.log("has " + count)), 20);`;
    const { app, end } = await start(tell);
    const one = await connect();
    await give(end, "SOCKET=0\nREQUESTS=1", one);
    await app.output.next(/^has 1$/);
    app.signal("SIGINT");
    await app.output.next(/^told to stop$/);
    await one.client.get().until(/\r\nConnection: close\r\n.*done$/s);
    expect(await app.ended).toEqual(END);
  });

  test("is a unix socket's", async () => {
    const directory = temporaryDirectory();
    server.close();
    server = createServer({ pauseOnConnect: true }, socket => accepted.push(socket));
    await new Promise<void>(resolve => server.listen(`${directory.path}/socket`, resolve));
    const { end } = await start(OK, "{}", { unix: true });
    const connected = new Promise<Socket>(resolve => server.once("connection", resolve));
    const client = new RawClient(`${directory.path}/socket`);
    const { fd } = ((await connected) as unknown as { _handle: { fd: number } })._handle;
    expect(await give(end, "SOCKET=0\nREQUESTS=1", { client, fd })).toBe("TAKEN=1\nOPEN=1");
    await client.get().until(DONE);
    directory.remove();
  });
});

describe("the first ones are taken, and those that there is no room for aren't:", () => {
  test("maxConnections", async () => {
    const { app, end } = await start(`${OK}; server.maxConnections = 2; server.on("drop", () => console.log("drop"));`);
    const given = [await connect(), await connect(), await connect(), await connect()];
    expect(await give(end, "SOCKET=0\nREQUESTS=1 1 1 1", ...given)).toBe("TAKEN=2\nOPEN=2");
    await given[1]!.client.get().until(DONE);
    expect(app.output.matching(/drop/)).toEqual([]);
  });

  test("descriptors", async () => {
    const { app, end } = await start(OK, "{}", { limit: 60 });
    const given: Given[] = [];
    while (given.length < 60) given.push(await connect());
    const said = await give(end, `SOCKET=0\nREQUESTS=${given.map(() => 1).join(" ")}`, ...given);
    const [, taken] = /^TAKEN=(\d+)\n/.exec(said)!.map(Number) as [number, number];
    expect(taken).toBeGreaterThan(5);
    expect(taken).toBeLessThan(45);
    await given[taken - 1]!.client.get().until(DONE);
    await given[taken]!.client.closed;
    // There is room for new clients.
    await new RawClient(app.port).get().until(DONE);
  });

  test.each([
    ["a socket that it doesn't serve", "SOCKET=1\nREQUESTS=1"],
    ["no socket", "what?"],
  ])("%s", async (_, text) => {
    const { app, end } = await start();
    const before = app.openFds().length;
    expect(await give(end, text, await connect())).toBe("TAKEN=0\nOPEN=0");
    expect(app.openFds()).toHaveLength(before);
  });

  test("a descriptor of something else", async () => {
    const { app, end } = await start();
    const before = app.openFds().length;
    const fd = openSync("/dev/null", "r");
    end.say("SOCKET=0\nREQUESTS=1", [fd]);
    closeSync(fd);
    expect(String((await end.next()).data)).toBe("TAKEN=0\nOPEN=0");
    expect(app.openFds()).toHaveLength(before);
    expect(app.errors.matching(/could not be taken/)).toHaveLength(1);
  });
});

describe("a process that takes connections", () => {
  test("has all that its giver has left behind", async () => {
    const { end } = await start();
    const given = [await connect(), await connect(), await connect()];
    for (const { fd } of given) end.say("SOCKET=0\nREQUESTS=1", [fd]);
    for (const socket of accepted.splice(0)) socket.destroy();
    end.close();
    for (const { client } of given) await client.get().until(DONE);
  });

  test("takes no more when it is told to stop", async () => {
    const { app, end } = await start();
    app.signal("SIGINT");
    await app.output.next(/^told to stop$/);
    expect(String((await end.next()).data)).toBe("");
    expect(await app.ended).toEqual(END);
    end.close();
  });

  test("ends by itself when it has nothing to do", async () => {
    const { app } = await start(`${OK}; setTimeout(() => server.close(), 500);`);
    expect(await app.ended).toEqual(END);
  });
});
