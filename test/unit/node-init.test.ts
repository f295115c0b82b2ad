// The options of init() reach the supervisor that it becomes, and the generations.

import { mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ask, loopback } from "../support/http-load.js";
import { killApps, NodeApp } from "../support/node-app.js";
import { ROOT, temporaryDirectory } from "../support/supervisor.js";

afterEach(killApps);

const END = { status: 0, signal: null };
const SERVER = "const server = http.createServer((request, response) => response.end(request.url));";

test("listen and extraFds: in their order, with their names, in every generation", async () => {
  const address = loopback();
  const app = new NodeApp(`
import { openSync, readSync } from "node:fs";
init({
  listen: ["web=${address.host}:${address.port}", "@zerodown-test-${process.pid}"],
  extraFds: [{ fd: openSync("/dev/null"), name: "nothing" }, { fd: openSync("/dev/zero"), name: "zero" }],
});
const { LISTEN_FDS, LISTEN_FDNAMES, ZERODOWN_GENERATION } = process.env;
const bytes = Buffer.alloc(4, 1);
const zero = zerodown.listenFds().find(({ name }) => name === "zero").fd;
console.log(ZERODOWN_GENERATION, LISTEN_FDS, LISTEN_FDNAMES, readSync(zero, bytes), bytes);
${SERVER}
await serve(server, { socket: "web" });`);
  await app.output.next(/^1 4 nothing:zero:web:unknown 4 <Buffer 00 00 00 00>$/);
  await app.errors.next(/serving/);
  app.signal("SIGHUP");
  await app.output.next(/^2 4 nothing:zero:web:unknown 4 <Buffer 00 00 00 00>$/);
  expect(await ask(address, "/asked")).toBe("/asked");
  app.signal("SIGTERM");
  expect(await app.ended).toEqual(END);
});

describe("signals", () => {
  test("of stopSignals stop the supervisor, and a generation by the first of them", async () => {
    const app = new NodeApp(`
init({ stopSignals: ["SIGUSR2", "SIGTERM"] });
process.on("SIGUSR2", () => console.log("SIGUSR2"));
onStop(() => console.log("stopping"));
startupFinished();
setInterval(() => {}, 1e6);`);
    await app.errors.next(/serving/);
    app.signal("SIGTERM");
    expect(await app.ended).toEqual(END);
    expect(app.output.matching(/./)).toEqual(["SIGUSR2", "stopping"]);
  });

  test("of passthroughSignals reach a generation", async () => {
    const app = new NodeApp(`
init({ passthroughSignals: ["SIGUSR1", "SIGWINCH"] });
for (const signal of ["SIGUSR1", "SIGWINCH"]) process.on(signal, () => console.log(signal));
startupFinished();
setInterval(() => {}, 1e6);`);
    await app.errors.next(/serving/);
    app.signal("SIGUSR1");
    await app.output.next(/^SIGUSR1$/);
    app.signal("SIGWINCH");
    await app.output.next(/^SIGWINCH$/);
  });
});

test("the script is looked up through the symbolic link that leads to its directory, by each generation", async () => {
  const directory = temporaryDirectory();
  try {
    for (const release of ["one", "two"]) {
      mkdirSync(`${directory.path}/${release}`);
      const program = `import { init, startupFinished } from "${ROOT}dist/index.js";
init(); startupFinished(); console.log("${release}"); setInterval(() => {}, 1e6);`;
      writeFileSync(`${directory.path}/${release}/app.mjs`, program);
    }
    const current = `${directory.path}/current`;
    symlinkSync("one", current);
    // NodeApp's own program stands in for the shell, which knows the directory by its link, too.
    const app = new NodeApp(`
const { native } = await import("${ROOT}build/src/native/index.js");
process.chdir("${current}");
native.become({
  paths: [process.execPath], argv: ["node", "app.mjs"], fds: [],
  environment: Object.entries({ ...process.env, PWD: "${current}" }).map(pair => pair.join("=")),
});`);
    await app.output.next(/^one$/);
    await app.errors.next(/serving/);
    unlinkSync(current);
    symlinkSync("two", current);
    app.signal("SIGHUP");
    await app.output.next(/^two$/);
    app.signal("SIGTERM");
    expect(await app.ended).toEqual(END);
  } finally {
    directory.remove();
  }
});

test("an argument that looks like an option of Node is the app's, without a script, too", async () => {
  const program = "init(); console.log(process.argv.at(-1)); startupFinished(); setInterval(() => {}, 1e6);";
  const app = new NodeApp(program, {}, ["--", "--no-such-option"]);
  await app.output.next(/^--no-such-option$/);
});

test("times are those of zerodown run, which rounds none of them away", async () => {
  const app = new NodeApp(`
init({ settle: 60_000, startupTimeout: Infinity, stopTimeout: 250.4 });
startupFinished();
setInterval(() => {}, 1e6);`);
  await app.errors.next(/serving/);
  const supervisor = readFileSync(`/proc/${app.pid}/cmdline`, "utf8").split("\0");
  expect(supervisor.filter(word => /^--(settle|start-timeout|stop-timeout)=/.test(word))).toEqual([
    "--start-timeout=infinity",
    "--stop-timeout=250ms",
    "--settle=60000ms",
  ]);
});
