// The library's functions, called as they shouldn't be, and outside of a supervisor.

import { writeFileSync } from "node:fs";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { killApps, NodeApp } from "../../support/node-app.js";
import { ROOT, temporaryDirectory } from "../../support/supervisor.js";

const directory = temporaryDirectory();
afterAll(directory.remove);
afterEach(killApps);

/** A supervisor's child has this environment. */
const CHILD = { ZERODOWN_GENERATION: "1" };

/** Returns the error that ends a program. */
async function failure(program: string, env?: NodeJS.ProcessEnv): Promise<string | undefined> {
  const app = new NodeApp(program, env);
  expect(await app.ended).toEqual({ status: 1, signal: null });
  return app.errors.matching(/^\w*Error(?: \[\w+\])?: /)[0];
}

/** Returns what a program prints, which must end well. */
async function printed(program: string, env?: NodeJS.ProcessEnv): Promise<string[]> {
  const app = new NodeApp(program, env);
  const end = await app.ended;
  expect([end, app.errors.matching(/Error/)]).toEqual([{ status: 0, signal: null }, []]);
  return app.output.matching(/./);
}

describe("init() refuses", () => {
  test.each([
    ["{ startupTimeout: -1 }", "RangeError: startupTimeout: -1 is no time in ms"],
    ["{ startupTimeout: NaN }", "RangeError: startupTimeout: NaN is no time in ms"],
    ["{ stopTimeout: '5s' }", "RangeError: stopTimeout: 5s is no time in ms"],
    ["{ settle: null }", "RangeError: settle: null is no time in ms"],
    ["{ workers: 0 }", "RangeError: workers: 0 is no whole number above 0"],
    ["{ workers: 'max' }", "RangeError: workers: max is no whole number above 0"],
    ["{ surge: 1.5 }", "RangeError: surge: 1.5 is no whole number above 0"],
    ["{ maxAge: '1h' }", "RangeError: maxAge: 1h is no time in ms"],
    ["{ maxMemory: '512M' }", "RangeError: maxMemory: 512M is no whole number above 0"],
    [
      "{ workerLimits: { 'memory max': '512M' } }",
      'RangeError: workerLimits: "memory max" and "512M" are no file of a cgroup and its value ("memory.max": "512M")',
    ],
    [
      "{ reloadSignals: ['SIGHUB'] }",
      'RangeError: reloadSignals: "SIGHUB" is no signal that can be handled (SIGHUP, SIGTERM, SIGUSR1 …)',
    ],
    [
      "{ stopSignals: ['SIGKILL'] }",
      'RangeError: stopSignals: "SIGKILL" is no signal that can be handled (SIGHUP, SIGTERM, SIGUSR1 …)',
    ],
    ["{ passthroughSignals: 'SIGUSR1' }", "TypeError: passthroughSignals: an array is expected"],
    ["{ extraFds: [{ fd: -1, name: 'a' }] }", "RangeError: extraFds: -1 is no descriptor"],
    [
      "{ extraFds: [{ fd: 1, name: 'a:b' }] }",
      'RangeError: extraFds: "a:b" is no name (up to 255 ASCII characters, no ":", no control characters)',
    ],
    ["{ extraVariables: { 'A=B': 'c' } }", 'RangeError: extraVariables: "A=B" is no name of a variable'],
    [
      "{ extraVariables: { LISTEN_FDS: '1' } }",
      "RangeError: extraVariables: LISTEN_FDS is the supervisor's: use listen or extraFds",
    ],
    ["{ extraVariables: { A: 1 } }", "TypeError: extraVariables: A is no string without NUL characters"],
    ["{ listen: '8080' }", "TypeError: listen: an array is expected"],
    [
      "{ listen: ['localhost'] }",
      `RangeError: listen: "localhost" isn't an address (8080, 127.0.0.1:8080, [::1]:8080, /run/a.sock, @name)`,
    ],
    ["{ logger: console }", "TypeError: logger: it isn't a function"],
    [
      "{ startTimeout: 5 }",
      'TypeError: init(): there is no option "startTimeout", but startupTimeout, stopTimeout, settle, workers, surge, maxAge, maxMemory, workerLimits, reloadSignals, stopSignals, passthroughSignals, listen, extraFds, extraVariables, logger',
    ],
  ])("%s, in the parent and in a child", async (options, message) => {
    const program = `init(${options});`;
    expect([await failure(program), await failure(program, CHILD)]).toEqual([message, message]);
  });

  test("a descriptor that isn't open", async () => {
    const program = "init({ extraFds: [{ fd: 777, name: 'log' }] });";
    expect(await failure(program)).toBe("RangeError: extraFds: descriptor 777 is not open");
  });

  test("to be called twice", async () => {
    expect(await failure("init(); init();", CHILD)).toBe(
      "Error: init() was called before: once is enough, and it must be first",
    );
  });

  test.each([
    ["a server listens", "net.createServer().listen(0, () => init());", "TCPServerWrap"],
    ["a datagram socket is open", "dgram.createSocket('udp4').bind(0, () => init());", "UDPWrap"],
    ["a child runs", "const child = spawn('sleep', ['60']); try { init(); } finally { child.kill(); }", "ProcessWrap"],
  ])("to be called once %s", async (_, program, open) => {
    const imports = `import dgram from "node:dgram"; import { spawn } from "node:child_process";`;
    expect(await failure(`${imports}\n${program}`)).toMatch(
      new RegExp(`^Error: init\\(\\) comes too late: it must be first, and this is open: ${open}$`),
    );
  });

  const IMPORT = `import { init } from ${JSON.stringify(`${ROOT}dist/index.js`)};\n`;

  test("a worker", async () => {
    writeFileSync(`${directory.path}/worker.mjs`, `${IMPORT}init();`);
    const program = `import { Worker } from "node:worker_threads"; new Worker("${directory.path}/worker.mjs", { execArgv: [] });`;
    expect(await failure(program)).toBe("Error: init() belongs into the main thread: this is a worker");
  });

  test("a fork", async () => {
    writeFileSync(`${directory.path}/fork.mjs`, `${IMPORT}init();`);
    const program = `import { fork } from "node:child_process";
fork("${directory.path}/fork.mjs", { execArgv: [] }).on("exit", status => process.exit(status));`;
    expect(await failure(program)).toBe("Error: init() belongs into the process that is started first, not a fork");
  });
});

test("isChild() and isParent() tell whether a supervisor started this process", async () => {
  const program = "console.log(zerodown.isChild(), zerodown.isParent());";
  expect([await printed(program), await printed(program, CHILD)]).toEqual([["false true"], ["true false"]]);
});

describe("startupFinished()", () => {
  test("without a supervisor and systemd does nothing", async () => {
    expect(await printed("startupFinished(); console.log('on');", { NOTIFY_SOCKET: undefined })).toEqual(["on"]);
  });

  test("can be said once", async () => {
    expect(await failure("startupFinished(); startupFinished();")).toBe("Error: startupFinished() was called before");
    // serve() says so once all servers listen that this turn of the event loop has made.
    const program =
      "await serve(net.createServer(), { listen: 0 }); await new Promise(setImmediate); startupFinished();";
    expect(await failure(program)).toBe(
      "Error: startupFinished(): serve() has said so already; with { ready: false } it leaves that to you",
    );
  });

  test("may come before serve()", async () => {
    const program = "startupFinished(); await serve(net.createServer(), { listen: 0 }); process.exit();";
    expect(await printed(program)).toEqual([]);
  });
});

describe("restart() without a supervisor", () => {
  test("says so", async () => {
    expect(await failure("await zerodown.restart();")).toBe(
      "RestartError: no supervisor: neither init() nor `zerodown run` started this process",
    );
  });

  test("that is still there says so", async () => {
    // No process can have this pid: it is beyond what pid_max can be.
    const env = { ...CHILD, ZERODOWN_SUPERVISOR_PID: "4194305" };
    expect(await failure("await zerodown.restart();", env)).toBe(
      "RestartError: the supervisor (pid 4194305) has no control socket, or it can't be found",
    );
  });
});

describe("serve() refuses", () => {
  const SERVER = "TypeError: serve(): a server of node:net, node:http, node:https or node:http2 is expected";
  test.each([
    ["undefined", SERVER],
    ["(request, response) => response.end()", SERVER],
    ["net.createServer()", "TypeError: serve(): no socket was passed, and neither { listen } nor $PORT is given"],
    ["net.createServer().listen(0)", "TypeError: serve(): the server listens already; serve() is to make it listen"],
    ["net.createServer(), { socket: 1.5 }", "TypeError: serve(): { socket: 1.5 } is neither a name nor an index"],
    ["net.createServer(), { idleGrace: -1 }", "RangeError: serve(): { idleGrace: -1 } isn't a time in ms"],
    ["net.createServer(), { stopTimeout: '9s' }", "RangeError: serve(): { stopTimeout: 9s } isn't a time in ms"],
    ["net.createServer(), { goodbye: 'bye' }", "TypeError: serve(): goodbye isn't a function"],
    ["net.createServer(), { goodbyeSpread: '9s' }", "RangeError: serve(): { goodbyeSpread: 9s } isn't a time in ms"],
    [
      "net.createServer(), { goodbyeSpread: 9 }",
      "TypeError: serve(): goodbyeSpread is for goodbye, and that isn't given",
    ],
    [
      "net.createServer(), { goodbye() {}, goodbyeSpread: 9000, stopTimeout: 9000 }",
      "RangeError: serve(): { goodbyeSpread: 9000 } isn't shorter than the 9000 ms of stopTimeout, when connections are cut off",
    ],
    ["net.createServer(), { reusePort: 1 }", "TypeError: serve(): { reusePort: 1 } is neither true nor false"],
    [
      "net.createServer(), { idelGrace: 5 }",
      'TypeError: serve(): there is no option "idelGrace", but socket, listen, reusePort, ready, idleGrace, stopTimeout, goodbye, goodbyeSpread, handover, warm, drainSpread',
    ],
  ])("%s", async (args, message) => {
    expect(await failure(`await serve(${args});`, { PORT: undefined })).toBe(message);
  });

  test("an address that is in use, in Node's own words", async () => {
    const program = `const { address } = await serve(net.createServer(), { listen: 0 });
await serve(net.createServer(), { listen: address.port });`;
    expect(await failure(program)).toMatch(
      /^Error(?: \[EADDRINUSE\])?: listen EADDRINUSE: address already in use :::\d+$/,
    );
  });
});

describe("onStop()", () => {
  test("refuses what it can't call", async () => {
    expect(await failure("onStop('later');")).toBe("TypeError: onStop(): it isn't a function");
  });

  test("calls, and waits for what it is promised, and the exit status is 0", async () => {
    const app = new NodeApp(`
onStop(async () => { await sleep(50); console.log("one", stopping.aborted); });
onStop(() => console.log("two"));
setInterval(() => {}, 1e6);
console.log("armed");`);
    await app.output.next(/armed/);
    app.signal("SIGTERM");
    expect(await app.ended).toEqual({ status: 0, signal: null });
    expect(app.output.matching(/./)).toEqual(["armed", "two", "one true"]);
  });

  test("logs what throws, and the others are done; the exit status is 1", async () => {
    const app = new NodeApp(`
onStop(() => { throw new Error("cannot flush"); });
onStop(() => sleep(20).then(() => console.log("flushed the other")));
setInterval(() => {}, 1e6);
console.log("armed");`);
    await app.output.next(/armed/);
    app.signal("SIGINT");
    expect(await app.ended).toEqual({ status: 1, signal: null });
    expect(app.output.matching(/flushed/)).toHaveLength(1);
    expect(app.errors.matching(/^zerodown: at the stop: Error: cannot flush$/)).toHaveLength(1);
  });

  test("calls one at once, and once, that comes while all stop", async () => {
    const app = new NodeApp(`
onStop(() => onStop(() => console.log("at once")));
onStop(() => sleep(20).then(() => onStop(() => console.log("late"))));
stopping.addEventListener("abort", () => onStop(() => console.log("first")));
setInterval(() => {}, 1e6);
console.log("armed");`);
    await app.output.next(/armed/);
    app.signal("SIGTERM");
    expect(await app.ended).toEqual({ status: 0, signal: null });
    expect(app.output.matching(/./)).toEqual(["armed", "first", "at once", "late"]);
  });

  test("waits for what keeps no process up", async () => {
    const app = new NodeApp(`
onStop(async () => { await sleep(20, undefined, { ref: false }); console.log("flushed"); });
const work = setInterval(() => {}, 1e6);
stopping.addEventListener("abort", () => clearInterval(work));
console.log("armed");`);
    await app.output.next(/armed/);
    app.signal("SIGTERM");
    expect(await app.ended).toEqual({ status: 0, signal: null });
    expect(app.output.matching(/flushed/)).toHaveLength(1);
  });

  test("gives up what is never done, says so, and the exit status is 1", async () => {
    const app = new NodeApp(`
import { mock } from "node:test";
onStop(() => new Promise(() => {}));
process.on("SIGTERM", () => mock.timers.tick(85_000));
setInterval(() => {}, 1e6);
mock.timers.enable({ apis: ["setTimeout"] });
console.log("armed");`);
    await app.output.next(/armed/);
    app.signal("SIGTERM");
    expect(await app.ended).toEqual({ status: 1, signal: null });
    expect(app.errors.matching(/^zerodown: at the stop: tasks are not done after 85000 ms: 1$/)).toHaveLength(1);
  });

  test("takes any number of listeners to its signal", async () => {
    const program = `for (let count = 0; count < 20; count++) stopping.addEventListener("abort", () => {});
process.on("warning", ({ message }) => console.log(message));`;
    expect(await printed(program)).toEqual([]);
  });

  test("a second Ctrl-C ends an app that has no supervisor; a supervisor's second signal doesn't", async () => {
    const program = (delay: number) => `onStop(() => sleep(${delay})); setInterval(() => {}, 1e6);
onStop(() => console.log("stopping")); console.log("armed");`;
    const alone = new NodeApp(program(60_000));
    const child = new NodeApp(program(300), CHILD);
    for (const app of [alone, child]) {
      await app.output.next(/armed/);
      app.signal("SIGINT");
      await app.output.next(/stopping/);
      app.signal("SIGINT");
    }
    expect([await alone.ended, await child.ended]).toEqual([
      { status: 130, signal: null },
      { status: 0, signal: null },
    ]);
  });
});

describe("an app without a supervisor", () => {
  test("binds what $PORT says, and tells in one line why there is no reload", async () => {
    const app = new NodeApp(
      "const { address, passed } = await serve(http.createServer(), { idleGrace: 0 }); console.log('port', address.port, passed);",
      { PORT: "0" },
    );
    await app.output.next(/^port [1-9]\d* false$/);
    app.signal("SIGTERM");
    expect(await app.ended).toEqual({ status: 0, signal: null });
    expect(app.errors.matching(/./)).toEqual([
      "zerodown: no supervisor started this process, so it can't be reloaded: call init() first, or start it by `zerodown run -- node …`",
    ]);
  });

  test("tells it to a logger instead", async () => {
    const app = new NodeApp(
      `init({ logger: (priority, text) => console.log(priority, text) });
await serve(net.createServer(), { listen: 0 }); process.exit();`,
      CHILD,
    );
    expect(await app.ended).toEqual({ status: 0, signal: null });
    expect(app.output.matching(/./)).toEqual([
      "notice no socket was passed to this generation, so it bound one, and the next can't: give zerodown run --listen, or a .socket unit",
    ]);
    expect(app.errors.matching(/./)).toEqual([]);
  });
});

test("require() works too", async () => {
  const program = `import { createRequire } from "node:module";
const require = createRequire("${ROOT}");
console.log(require("zerodown").serve === serve, typeof require("zerodown/systemd-socket").listenFds);`;
  expect(await printed(program)).toEqual(["true function"]);
});
