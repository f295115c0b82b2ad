// The library in apps that systemd starts directly: init() makes their main process the supervisor.

import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { afterEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { ask, loopback } from "../support/http-load.js";
import { Lines } from "../support/lines.js";
import { isAlive } from "../support/processes.js";
import { APPS, ROOT } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

const processes: (() => void)[] = [];
afterEach(async () => {
  for (const end of processes.splice(0)) end();
  await removeUnits();
});

/** Node 24 knows no such option, and fails. */
const NO_WASM = ["--no-expose-wasm"].filter(option => spawnSync(process.execPath, [option, "--version"]).status === 0);

const IMPORT = `import { createServer } from "node:http";
import * as zerodown from "${ROOT}dist/index.js";
const { init, serve } = zerodown;
`;
const SERVER = `const server = createServer((_, response) => response.end(\`\${VERSION} of \${process.env.ZERODOWN_GENERATION}\`));
`;

/** The template's socket and settings, but with that as ExecStart=. */
function install(start: (directory: string) => string, service: readonly string[] = []) {
  const address = loopback();
  const unit: TestUnit = installApp({
    command: "",
    service: directory => ["ExecStart=", `ExecStart=${process.execPath} ${start(directory)}`, ...service],
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`, "FileDescriptorName=web"],
  });
  return { unit, address };
}

describe("a unit that starts the app itself", () => {
  const program = "init({ extraVariables: { EXTRA: 'yes' } }); await serve(server);\n";

  function start(text = program, service: readonly string[] = []) {
    const installed = install(directory => `--stack-size=900 ${directory}/app.mjs one "two words"`, service);
    const { unit } = installed;
    const deploy = (version: string, text: string) =>
      writeFileSync(
        `${unit.directory}/app.mjs`,
        `${IMPORT}const VERSION = ${JSON.stringify(version)};\n${SERVER}${text}`,
      );
    deploy("v1", text);
    return { ...installed, deploy };
  }

  test("has the supervisor as its main process, reloads, fails to reload, and stops", async () => {
    const { unit, address, deploy } = start();
    await unit.start();
    const main = await unit.mainPid();
    const options = ["--expose-gc", "--max-semi-space-size=1", "--single-threaded", "--v8-pool-size=1", "--jitless"];
    const words = ["node", ...options, ...NO_WASM, "--", expect.stringMatching(/\/zerodown\.cjs$/), "run"];
    expect(readFileSync(`/proc/${main}/cmdline`, "utf8").split("\0").slice(0, words.length)).toEqual(words);
    expect(await ask(address)).toBe("v1 of 1");
    deploy("v2", program);
    await unit.reload();
    expect(await ask(address)).toBe("v2 of 2");
    deploy("v3", "throw new RangeError('no database');\n");
    expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
    expect(await ask(address)).toBe("v2 of 2");
    expect(await unit.mainPid()).toBe(main);
    await unit.stop();
    expect(await unit.property("Result")).toBe("success");
    expect(isAlive(main)).toBe(false);
  });

  test("passes execArgv, arguments and variables on to each generation", async () => {
    const tell = `init({ extraVariables: { EXTRA: "yes", NODE_OPTIONS: "--no-warnings" } });
const { EXTRA, GIVEN, NODE_OPTIONS } = process.env;
console.log(JSON.stringify([process.execArgv, process.argv.slice(2), EXTRA, GIVEN, NODE_OPTIONS]));
await serve(server);
`;
    const { unit } = start(tell, ["Environment=GIVEN=too"]);
    await unit.start();
    await unit.reload();
    const told = unit.log.matching(/^\[\[/).map(line => JSON.parse(line));
    const expected = [["--stack-size=900"], ["one", "two words"], "yes", "too", "--no-warnings"];
    expect(told).toEqual([expected, expected]);
  });

  test("has workers where it says so, which are reloaded together", async () => {
    const { unit, address, deploy } = start(
      `init({ workers: 3, surge: 1 });
const { ZERODOWN_WORKER, ZERODOWN_GENERATION } = process.env;
console.log("worker", ZERODOWN_WORKER, "of", ZERODOWN_GENERATION);
await serve(server);
`,
    );
    await unit.start();
    expect(await unit.property("StatusText")).toBe("Generation 1 serving (3 workers)");
    deploy("v2", "init({ workers: 3, surge: 1 }); await serve(server);\n");
    await unit.reload();
    expect(await unit.property("StatusText")).toMatch(/^Generation 2 serving \(3 workers\)/);
    await unit.log.next(/worker 2 of generation 1 .* drained/);
    expect(await ask(address)).toBe("v2 of 2");
    expect(unit.log.matching(/^worker \d of 1$/).sort()).toEqual(["worker 0 of 1", "worker 1 of 1", "worker 2 of 1"]);
    expect(unit.log.matching(/Draining those that they replace/)).toHaveLength(2);
    await unit.stop();
    expect(await unit.property("Result")).toBe("success");
  });

  test("keeps nothing of the app in the supervisor, whatever it had loaded before init()", async () => {
    const { unit } = start("globalThis.hoard = Buffer.alloc(200e6, 1); init(); await serve(server);\n");
    await unit.start();
    const status = readFileSync(`/proc/${await unit.mainPid()}/status`, "utf8");
    expect(Number(/^RssAnon:\s+(\d+) kB/m.exec(status)![1])).toBeLessThan(50_000);
  });

  test.each([
    [
      "throws in its start-up",
      "init(); throw new RangeError('no database');",
      "exited with status 1 before it was ready (its last status: RangeError: no database)",
    ],
    [
      "forgets startupFinished()",
      "init(); await serve(server, { ready: false });",
      "was not ready within 5s and was killed",
    ],
    [
      "listens twice",
      "init(); await serve(server); await serve(createServer());",
      'exited with status 1 before it was ready (its last status: RangeError: serve(): all sockets that were passed (0 "web") are served already)',
    ],
    [
      "calls init() too late",
      "createServer().listen(0, () => init());",
      "exited with status 1 before it was ready (its last status: Error: init() comes too late: it must be first, and this is open: TCPServerWrap)",
    ],
  ])("whose app %s tells the reason in its status, and the old generation serves", async (_, text, reason) => {
    const { unit, address, deploy } = start("init({ startupTimeout: 5000 }); await serve(server);\n");
    await unit.start();
    deploy("v2", text);
    expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
    const status = String(await unit.property("StatusText"));
    // The time counts from when it was to start, and on a busy machine that takes a while.
    expect(status.replace(/(within 5)\.\d+s/, "$1s")).toMatch(
      new RegExp(
        `^Reload failed: generation 2 ${reason.replace(/[()"[\].]/g, "\\$&")}\\. Generation 1 \\(pid \\d+\\) still serving$`,
      ),
    );
    expect(await ask(address)).toBe("v1 of 1");
  });
});

test("restart() in a request handler swaps the code, and that request gets its answer", async () => {
  const address = loopback();
  const unit = installApp({
    command: `node ${APPS}serve.mjs`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`, "FileDescriptorName=http"],
  });
  await unit.start();
  expect(await ask(address, "/restart")).toBe("generation 1: 2\n");
  // Until it hears of its end, the old one may accept as well.
  await unit.log.next(/generation 1 .* drained and exited with status 0$/);
  expect(await ask(address)).toMatch(/^generation 2,/);
});

describe("the example of the Go library's README, translated,", () => {
  const EXAMPLE = `${ROOT}docs/examples/go-readme.mjs`;

  test("runs under a unit: asked, restarted, reloaded", async () => {
    const { unit, address } = install(() => EXAMPLE);
    await unit.listen();
    expect(await ask(address)).toBe("Hello\n");
    await unit.started();
    expect(await ask(address, "/restart")).toBe("Restarted: generation 2 serves\n");
    await unit.reload();
    await unit.serving(3);
    expect(await ask(address)).toBe("Hello\n");
  });

  test("runs under systemd-socket-activate: started by the first request, reloaded by SIGUSR2", async () => {
    const { host } = loopback();
    const child = spawn("systemd-socket-activate", ["--listen", `${host}:8080`, process.execPath, EXAMPLE], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    processes.push(() => child.kill("SIGTERM"));
    const log = new Lines();
    child.stderr.on("data", (data: Buffer) => log.add(data.toString()));
    await log.next(/Listening on/);
    expect(await ask({ host, port: 8080 })).toBe("Hello\n");
    expect(await ask({ host, port: 8080 }, "/restart")).toBe("Restarted: generation 2 serves\n");
    // The child became our supervisor, in the same process.
    child.kill("SIGUSR2");
    await log.next(/generation 3 .* serving/);
    expect(await ask({ host, port: 8080 })).toBe("Hello\n");
    child.kill("SIGTERM");
    await new Promise(resolve => child.once("exit", resolve));
    expect(child.exitCode).toBe(0);
  });

  test("runs on its own, and binds its port", async () => {
    const { host } = loopback();
    const port = await freePort();
    const child = spawn(process.execPath, [EXAMPLE], {
      env: { ...process.env, PORT: `${host}:${port}`, NOTIFY_SOCKET: "" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    processes.push(() => child.kill("SIGKILL"));
    await eventually(async () => expect(await ask({ host, port })).toBe("Hello\n"));
    child.kill("SIGHUP");
    await eventually(async () =>
      expect(await ask({ host, port }, "/restart")).toBe("Restarted: generation 3 serves\n"),
    );
    child.kill("SIGINT");
    await new Promise(resolve => child.once("exit", resolve));
    expect(child.exitCode).toBe(0);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
