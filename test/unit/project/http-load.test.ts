// The load client must see what real clients suffer: the tests that count 0 failures stand on it.
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { ask, HttpLoad, killLoads, type LoadOptions, type Sample } from "../../support/http-load.js";

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
let server: Server;
let connections: number;

afterEach(async () => {
  await killLoads();
  server.close();
});

/** Serves each request by the next function, and all after the last with a whole answer. */
async function serve(...answers: ((socket: Socket) => void)[]): Promise<AddressInfo> {
  connections = 0;
  server = createServer(socket => {
    connections++;
    socket.on("data", () => (answers.shift() ?? (socket => socket.write(ANSWER)))(socket));
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address() as AddressInfo;
}

async function load(address: { port: number }, keepAlive: boolean): Promise<HttpLoad> {
  const load = new HttpLoad({ port: address.port }, { clients: 1, keepAlive });
  await load.answers(3, /ok/);
  await load.stop();
  return load;
}

test.each([
  ["a reset connection", (socket: Socket) => socket.resetAndDestroy(), /ECONNRESET after 0 bytes/],
  ["a connection closed without an answer", (socket: Socket) => socket.end(), /closed after 0 bytes/],
  ["half an answer", (socket: Socket) => socket.end(ANSWER.slice(0, -1)), /closed after 39 bytes/],
  ["another status", (socket: Socket) => socket.end(ANSWER.replace("200 OK", "503 No")), /answered HTTP\/1.1 503 No/],
  ["an answer of no known end", (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nok"), /without Content-Length/],
  ["more than was announced", (socket: Socket) => socket.end(`${ANSWER}!`), /answered 3 bytes for 2/],
])("%s is a failure, and nothing is retried", async (_, answer, failure) => {
  for (const keepAlive of [false, true]) {
    const { requests, failures } = await load(await serve(answer), keepAlive);
    expect(requests).toBe(4);
    expect(failures).toEqual([expect.stringMatching(failure)]);
    server.close();
  }
});

test("a kept connection that is reset under a request is a failure", async () => {
  const { failures } = await load(
    await serve(
      socket => socket.write(ANSWER),
      socket => socket.resetAndDestroy(),
    ),
    true,
  );
  expect(failures).toEqual([expect.stringMatching(/^kept connection: .*ECONNRESET/)]);
});

test("a connection that the server says it will close is not asked again", async () => {
  const last = ANSWER.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
  const { failures } = await load(await serve(socket => socket.write(last)), true);
  expect(failures).toEqual([]);
  expect(connections).toBe(2);
});

test("a refused connection is a failure", async () => {
  const address = await serve();
  server.close();
  await once(server, "close");
  await expect(ask({ port: address.port })).rejects.toThrow("ECONNREFUSED");
});

test.each([
  ["kept connections are kept", true, 1],
  ["others are new for each request", false, 3],
])("%s", async (_, keepAlive, count) => {
  await load(await serve(), keepAlive);
  expect(connections).toBe(count);
});

/** Returns the samples of one kept connection until that many answers have come. */
async function record(address: AddressInfo, answers: number, options: Partial<LoadOptions>): Promise<Sample[]> {
  const samples: Sample[] = [];
  const load = new HttpLoad(
    { port: address.port },
    {
      clients: 1,
      keepAlive: true,
      record: sample => samples.push(sample),
      ...options,
    },
  );
  await load.answers(answers, /ok/);
  await load.stop();
  return samples;
}

test("each request is recorded when it is over: from when to when, and its answer", async () => {
  const before = performance.now();
  const samples = await record(await serve(socket => socket.resetAndDestroy()), 3, {});
  expect(samples.map(({ body }) => body)).toEqual([undefined, "ok", "ok", "ok"]);
  let end = before;
  for (const { start, duration } of samples) {
    expect(start).toBeGreaterThanOrEqual(end);
    end = start + duration;
  }
  expect(performance.now()).toBeGreaterThanOrEqual(end);
});

test("requests that fall due while a server stalls count from then", async () => {
  const stall = (socket: Socket) => setTimeout(() => socket.write(ANSWER), 200);
  const [stalled, ...late] = await record(await serve(stall), 4, { every: 50 });
  expect(late.map(({ start }) => Math.round(start - stalled!.start))).toEqual([50, 100, 150]);
  // The server answered these requests after the stall, and the time in between counts.
  for (const { start, duration } of late) expect(start + duration).toBeGreaterThan(stalled!.start + stalled!.duration);
});

test("a connection that stays silent for longer than the client's patience is a failure", async () => {
  const [silent, next] = await record(await serve(() => {}), 1, { patience: 50, every: 10 });
  expect(silent).toMatchObject({ body: undefined });
  expect(silent!.duration).toBeGreaterThanOrEqual(49);
  // The client waited for no answer any more, so its next request was not overdue.
  expect(next!.start).toBeGreaterThan(silent!.start + silent!.duration);
});

test("what a failed test leaves of a load ends, though a request of it is never answered", async () => {
  let asked = () => {};
  const request = new Promise<void>(resolve => (asked = resolve));
  const address = await serve(asked);
  const left = new HttpLoad({ port: address.port }, { clients: 1, keepAlive: true });
  await request;
  await killLoads();
  expect(left.requests).toBe(1);
  expect(left.failures).toEqual(["new connection: closed after 0 bytes of the answer"]);
});
