// A server gets one of the passed sockets from serve(), and from adopt() where a framework makes the server.

import { afterEach, describe, expect, test } from "@jest/globals";
import { ask, loopback } from "../../support/http-load.js";
import { killApps, NodeApp } from "../../support/node-app.js";

afterEach(killApps);

const END = { status: 0, signal: null };
const [first, second] = [loopback(), loopback()];
/** Listens on both sockets; "" leaves a socket without a name. */
const listen = (...names: string[]) => {
  const addresses = [first, second].map(({ host, port }, index) => {
    return `${names[index]}${names[index] && "="}${host}:${port}`;
  });
  return `init({ listen: ${JSON.stringify(addresses)} });`;
};
const SAYS = "const says = text => http.createServer((request, response) => response.end(text));";

/** Returns the error by which the app fails before it serves. */
async function failure(program: string): Promise<string> {
  const app = new NodeApp(program);
  const { status } = await app.ended;
  expect(status).toBe(1);
  return app.errors.matching(/^\w*Error: /).join();
}

describe("serve() takes a socket", () => {
  test.each([
    ["by its name", "a:b", "serve(says('b'), { socket: 'b' }), serve(says('a'), { socket: 'a' })"],
    ["by its index", "a:b", "serve(says('b'), { socket: 1 }), serve(says('a'), { socket: 0 })"],
    [
      "of several with one name, one after the other",
      ":",
      "serve(says('a'), { socket: 'unknown' }), serve(says('b'), { socket: 'unknown' })",
    ],
    ["that is the only one left", "a:b", "serve(says('b'), { socket: 'b' }), serve(says('a'))"],
  ])("%s", async (_, names, servers) => {
    const app = new NodeApp(`${listen(...names.split(":"))} ${SAYS} await Promise.all([${servers}]);`);
    await app.errors.next(/serving/);
    expect([await ask(first), await ask(second)]).toEqual(["a", "b"]);
    app.signal("SIGTERM");
    expect(await app.ended).toEqual(END);
  });

  test("that is the only one, whatever else was passed", async () => {
    const app = new NodeApp(`
import { openSync } from "node:fs";
init({ listen: ["${first.host}:${first.port}"], extraFds: [{ fd: openSync("/dev/null"), name: "log" }] });
${SAYS} await serve(says("a"));`);
    await app.errors.next(/serving/);
    expect(await ask(first)).toBe("a");
  });

  test.each([
    [
      "it must be told which",
      "",
      'which socket? With { socket: NAME } or { socket: INDEX } it is one of: 0 "a", 1 "b"',
    ],
    ["there is none of that name", "{ socket: 'c' }", 'no socket "c" was passed, but: 0 "a", 1 "b"'],
    ["there are fewer", "{ socket: 2 }", 'no socket 2 was passed, but: 0 "a", 1 "b"'],
  ])("unless %s", async (_, options, message) => {
    expect(await failure(`${listen("a", "b")} ${SAYS} await serve(says("a"), ${options});`)).toBe(
      `RangeError: serve(): ${message}`,
    );
  });

  test("unless another server has it, or has all", async () => {
    const both = `${listen("a", "b")} ${SAYS} await serve(says("a"), { socket: "a" });`;
    expect(await failure(`${both} await serve(says("a"), { socket: "a" });`)).toBe(
      'RangeError: serve(): descriptor 3 ("a") is served already: one server a socket',
    );
    expect(await failure(`${both} await serve(says("b")); await serve(says("c"));`)).toBe(
      'RangeError: serve(): all sockets that were passed (0 "a", 1 "b") are served already',
    );
  });
});

test("a server that could not listen may be served again", async () => {
  const app = new NodeApp(`
const other = http.createServer().listen(${first.port}, "${first.host}");
await new Promise(resolve => other.once("listening", resolve));
const server = http.createServer((request, response) => response.end("at last"));
const counts = () => ["error", "timeout", "connection"].map(event => server.listenerCount(event)).join(" ");
for (const port of [${first.port}, 99999]) {
  await serve(server, { listen: { port, host: "${first.host}" } }).catch(({ code, cause }) => console.log(code ?? cause.code, counts()));
}
await new Promise(resolve => other.close(resolve));
await serve(server, { listen: "${first.host}:${first.port}" });
console.log("serving", counts());`);
  await app.output.next(/^serving/);
  const [before, ...after] = app.output.matching(/\d/).map(line => line.split(" "));
  expect(after).toEqual([
    ["ERR_SOCKET_BAD_PORT", ...before!.slice(1)],
    ["serving", ...before!.slice(1)],
  ]);
  expect(before!.slice(0, 2)).toEqual(["EADDRINUSE", "0"]);
  expect(await ask(first)).toBe("at last");
  app.signal("SIGTERM");
  expect(await app.ended).toEqual(END);
});

test("with { ready: false } serve() leaves it to the app to say that it is ready", async () => {
  const app = new NodeApp(`${listen("a", "b")} ${SAYS}
await serve(says("a"), { socket: "a", ready: false });
process.once("SIGUSR2", startupFinished);
console.log("listens");`);
  await app.output.next(/^listens$/);
  expect(app.errors.matching(/serving/)).toEqual([]);
  const pid = Number(/pid (\d+)/.exec(await app.errors.next(/generation 1 \(pid \d+\)/))![1]);
  process.kill(pid, "SIGUSR2");
  await app.errors.next(/generation 1 .*serving/);
});

describe("adopt()", () => {
  test.each([
    "listen(8080)",
    "listen(8080, '127.0.0.1')",
    "listen(8080, () => console.log('listening'))",
    "listen({ port: 8080, host: '::1' }, () => console.log('listening'))",
  ])("puts %s on the socket that was passed", async call => {
    const app = new NodeApp(`${listen("a", "b")} ${SAYS}
const served = adopt({ socket: "b" });
const server = says("adopted");
if (server.${call} !== server) throw new Error("listen() is to return its server");
const { passed, address } = await served;
console.log(passed, address.port, address.address);
// adopt() takes only the next server: this one is the app's own affair.
await new Promise(resolve => http.createServer().listen(0, "127.0.0.1", resolve));
console.log("another");`);
    await app.output.next(/^another$/);
    const heard = call.includes("=>") ? ["listening"] : [];
    expect(app.output.matching(/^(?:listening|true)/)).toEqual([...heard, `true ${second.port} ${second.host}`]);
    await app.errors.next(/serving/);
    expect(await ask(second)).toBe("adopted");
    app.signal("SIGTERM");
    expect(await app.ended).toEqual(END);
  });

  test("without a supervisor lets it listen where it wants to", async () => {
    const { host, port } = first;
    const app = new NodeApp(`${SAYS}
const served = adopt();
says("adopted").listen(${port}, "${host}");
console.log((await served).passed);`);
    await app.output.next(/^false$/);
    expect(await ask(first)).toBe("adopted");
    app.signal("SIGTERM");
    expect(await app.ended).toEqual(END);
  });

  test("waits for one server at a time", async () => {
    expect(await failure("adopt(); await adopt();")).toBe(
      "Error: adopt() was called before, and its server doesn't listen yet: wait for that first",
    );
  });

  test("tells why it can't, the caller and the server", async () => {
    const program = `${listen("a", "b")} ${SAYS}
const served = adopt({ socket: "c" });
says("never").on("error", ({ message }) => console.log("event:", message)).listen(8080);
await served.catch(({ message }) => console.log("promise:", message));
process.exit(1);`;
    const app = new NodeApp(program);
    await app.ended;
    const message = 'serve(): no socket "c" was passed, but: 0 "a", 1 "b"';
    expect(app.output.matching(/./).sort()).toEqual([`event: ${message}`, `promise: ${message}`]);
  });
});
