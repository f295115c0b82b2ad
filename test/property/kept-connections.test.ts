// Whatever clients send while generations change, and in whichever pieces: each request is answered once, in its order, on the
// connection that it came on.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { loopback } from "../support/http-load.js";
import { PRELUDE, RawClient } from "../support/node-app.js";
import { killSupervisors, TestSupervisor } from "../support/supervisor.js";

const APP = `${PRELUDE}
const server = http.createServer(async (request, response) => {
  const milliseconds = Number(request.url.split("?")[1]);
  const answer = async () => {
    if (milliseconds) await sleep(milliseconds);
    response.end("<" + request.url + ">");
  };
  if (request.url.startsWith("/early")) return answer();
  for await (const _ of request);
  return answer();
});
await serve(server);`;

const { host, port } = loopback();
let supervisor: TestSupervisor;
let generation = 1;

beforeAll(async () => {
  const listen = `--listen=${host}:${port}`;
  supervisor = new TestSupervisor([listen, "--", process.execPath, "--input-type=module", "--eval", APP]);
  await supervisor.serving(1);
});
afterAll(killSupervisors);

const request = fc.record({
  path: fc.constantFrom("/", "/early"),
  /** ms until it is answered */
  delay: fc.constantFrom(0, 0, 1, 20, 150),
  body: fc.option(fc.nat(3000), { nil: undefined }),
});

const client = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 6 }),
  /** Where what it sends is cut, and how long it waits there, ms. */
  cuts: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(60)), { maxLength: 6 }),
  begins: fc.nat(200),
});

type Client = typeof client extends fc.Arbitrary<infer T> ? T : never;

async function run({ requests, cuts, begins }: Client, number: number): Promise<void> {
  const paths = requests.map(({ path, delay }, index) => `${path}${number}-${index}?${delay}`);
  const text = requests.map(({ body }, index) => {
    const head = `${body === undefined ? "GET" : "POST"} ${paths[index]} HTTP/1.1\r\nHost: test\r\n`;
    return body === undefined ? `${head}\r\n` : `${head}Content-Length: ${body}\r\n\r\n${"x".repeat(body)}`;
  });
  const whole = text.join("");
  const connection = new RawClient(port, host);
  let from = 0;
  await sleep(begins);
  for (const [at, pause] of [...cuts].sort(([one], [other]) => one - other)) {
    const to = Math.round(at * whole.length);
    if (to > from) connection.send(whole.slice(from, to));
    from = Math.max(from, to);
    await sleep(pause);
  }
  if (from < whole.length) connection.send(whole.slice(from));
  await connection.until(new RegExp(`(?:\\r\\n\\r\\n<.*?>.*?){${requests.length}}$`, "s"));
  expect(connection.text.match(/(?<=\r\n\r\n<).*?(?=>)/g)).toEqual(paths);
  expect(connection.text).not.toMatch(/Connection: close|HTTP\/1.1 [^2]/);
  // It goes on.
  connection.text = "";
  await connection.get("/last?0").until(/<.last\?0>$/);
  connection.close();
}

test("each request of each client is answered once, in its order, and none has to connect again", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(client, { minLength: 1, maxLength: 12 }), fc.nat(150), async (clients, reloadAt) => {
      const all = Promise.all(clients.map(run));
      await sleep(reloadAt);
      supervisor.signal("SIGHUP");
      generation++;
      await Promise.all([all, supervisor.serving(generation)]);
    }),
    { numRuns: 25, endOnFailure: true },
  );
}, 120_000);
