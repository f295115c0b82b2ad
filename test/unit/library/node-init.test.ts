// The options of init() reach the supervisor that it becomes, and the generations.

import { mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { ask, loopback } from "../../support/http-load.js";
import { killApps, NodeApp } from "../../support/node-app.js";
import { killSupervisors, ROOT, TestSupervisor, temporaryDirectory } from "../../support/supervisor.js";
import { TestProcess } from "../../support/test-process.js";

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

test("workers and what is to hold for them are those of zerodown run", async () => {
  const app = new NodeApp(`
init({ workers: 2, surge: 1, maxAge: 3.6e6, maxMemory: 2 ** 30, workerLimits: { "memory.max": "1G", "pids.max": "100" } });
console.log("worker", process.env.ZERODOWN_WORKER, "of", process.env.ZERODOWN_WORKERS);
startupFinished();
setInterval(() => {}, 1e6);`);
  await app.errors.next(/generation 1 \(2 workers\) serving/);
  expect(app.output.matching(/^worker/).sort()).toEqual(["worker 0 of 2", "worker 1 of 2"]);
  expect(readFileSync(`/proc/${app.pid}/cmdline`, "utf8")).toContain(
    "\0--workers=2\0--surge=1\0--max-age=3600000ms\0--max-memory=1073741824\0" +
      "--worker-limit=memory.max=1G\0--worker-limit=pids.max=100\0",
  );
  app.signal("SIGTERM");
  expect(await app.ended).toEqual(END);
});

test("workers: auto is one for each CPU that it may use", async () => {
  const app = new NodeApp(`init({ workers: "auto" }); startupFinished(); setInterval(() => {}, 1e6);`);
  await app.errors.next(/serving/);
  expect(readFileSync(`/proc/${app.pid}/cmdline`, "utf8")).toContain("\0--workers=auto\0");
});

describe("each generation starts from what the first process was executed with", () => {
  const directory = temporaryDirectory();
  afterAll(directory.remove);
  const file = (name: string) => `${directory.path}/${name}`;
  const TELL = `startupFinished(); setInterval(() => {}, 1e6);
const { ZERODOWN_GENERATION, FIRST, SECOND, GIVEN, EXTRA } = process.env;
console.log(ZERODOWN_GENERATION, process.argv.slice(2).join(), FIRST, SECOND, GIVEN, EXTRA);`;
  const IMPORT = `import { init, startupFinished } from "${ROOT}dist/index.js";\n`;
  const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd?: string) => {
    const app = new TestProcess(process.execPath, args, { env, ...(cwd === undefined ? {} : { cwd }) });
    started.push(app);
    return app;
  };
  const started: TestProcess[] = [];
  afterEach(async () => {
    await killSupervisors();
    for (const app of started) app.signal("SIGKILL");
    await Promise.all(started.splice(0).map(app => app.ended));
  });

  test("and not with what --env-file, a preload or the app has set since", async () => {
    writeFileSync(file("env"), "FIRST=1\nSECOND=2\n");
    writeFileSync(file("preload.mjs"), `process.env.GIVEN += "+"; delete process.env.EXTRA;`);
    writeFileSync(file("app.mjs"), `${IMPORT}process.env.GIVEN += "!"; init();\n${TELL}`);
    const app = run([`--env-file=${file("env")}`, `--import=${file("preload.mjs")}`, file("app.mjs"), "a"], {
      GIVEN: "given",
      EXTRA: "kept",
    });
    await app.output.next(/^1 a 1 2 given\+! undefined$/);
    await app.errors.next(/serving/);
    writeFileSync(file("env"), "FIRST=new\n");
    app.signal("SIGHUP");
    await app.output.next(/^2 a new undefined given\+! undefined$/);
  });

  test("braces in its arguments included: they are the app's own", async () => {
    writeFileSync(file("app.mjs"), `${IMPORT}init();\n${TELL}`);
    const app = run([file("app.mjs"), "{worker}", "{{fd}}", "{genertion}", "{print}"]);
    await app.output.next(/^1 \{worker\},\{\{fd\}\},\{genertion\},\{print\} /);
  });

  test("but for extraVariables", async () => {
    writeFileSync(file("app.mjs"), `${IMPORT}init({ extraVariables: { EXTRA: "é", GIVEN: "2" } });\n${TELL}`);
    const app = run([file("app.mjs")], { GIVEN: "1" });
    await app.output.next(/^1 {2}undefined undefined 2 é$/);
  });

  test("by a runner that puts the app's name over its own in process.argv", async () => {
    const runner = `import { pathToFileURL } from "node:url"; import { resolve } from "node:path";
console.log("the runner runs"); process.argv.splice(1, 2, resolve(process.argv[2])); await import(pathToFileURL(process.argv[1]));`;
    writeFileSync(file("runner.mjs"), runner);
    writeFileSync(file("app.mjs"), `${IMPORT}init();\n${TELL}`);
    const app = run(["runner.mjs", "app.mjs", "a", ""], {}, directory.path);
    await app.output.next(/^1 a, undefined/);
    await app.errors.next(/serving/);
    app.signal("SIGHUP");
    await app.output.next(/^2 a, undefined/);
    // The runner ran at first by itself, and once for each generation.
    expect(app.output.matching(/the runner runs/)).toHaveLength(3);
  });

  test.each([
    ["has changed its directory", `process.chdir("/");`],
    ["has set process.title", `process.title = "my app";`],
  ])("when the app %s before", async (_, before) => {
    writeFileSync(file("app.mjs"), `${IMPORT}${before} init();\n${TELL}`);
    const app = run(["app.mjs", "a", "b"], {}, directory.path);
    await app.output.next(/^1 a,b /);
    await app.errors.next(/serving/);
    app.signal("SIGHUP");
    await app.output.next(/^2 a,b /);
  });

  test("with the app's Node variables, which the supervisor doesn't heed", async () => {
    mkdirSync(file("coverage"));
    const env = { NODE_DEBUG: "timer,net", NODE_V8_COVERAGE: file("coverage"), NODE_PRESERVE_SYMLINKS_MAIN: "1" };
    writeFileSync(
      file("app.mjs"),
      `${IMPORT}init({ startupTimeout: 5000 });
const { NODE_DEBUG, NODE_V8_COVERAGE, NODE_PRESERVE_SYMLINKS_MAIN } = process.env;
console.log(NODE_DEBUG, NODE_V8_COVERAGE, NODE_PRESERVE_SYMLINKS_MAIN);
if (process.env.ZERODOWN_GENERATION === "1") startupFinished();
setInterval(() => {}, 1e6);`,
    );
    const app = run([file("app.mjs")], env);
    await app.output.next(new RegExp(`^timer,net ${file("coverage")} 1$`));
    await app.errors.next(/generation 1 .* serving/);
    app.signal("SIGHUP");
    await app.errors.next(/reload failed .* was not ready within 5(\.\d+)?s/);
    expect(app.errors.matching(new RegExp(`^(TIMER|NET) ${app.pid}`)).length).toBeLessThan(2);
    app.signal("SIGTERM");
    expect(await app.ended).toEqual(END);
    expect(readdirSync(file("coverage")).filter(name => name.includes(`-${app.pid}-`))).toEqual([]);
  });

  test("with arguments and variables that aren't UTF-8", async () => {
    writeFileSync(
      file("app.mjs"),
      `${IMPORT}init(); startupFinished();
import { readFileSync } from "node:fs";
const read = name => readFileSync("/proc/self/" + name, "latin1").split("\\0").filter(text => text.includes("X\\xff"));
console.log(JSON.stringify([...read("cmdline"), ...read("environ")]));
setInterval(() => {}, 1e6);`,
    );
    const script = `exec env "X.$(printf 'X\\377')=1" "$NODE" "$APP" "$(printf 'X\\377')"`;
    const app = new TestProcess("/bin/sh", ["-c", script], { env: { NODE: process.execPath, APP: file("app.mjs") } });
    started.push(app);
    expect(JSON.parse(await app.output.next(/^\[/))).toEqual(["X\xff", "X.X\xff=1"]);
  });

  test("and under zerodown run it does nothing, though a preload has opened a server", async () => {
    writeFileSync(file("metrics.mjs"), `import { createServer } from "node:http"; createServer().listen(0, "::1");`);
    writeFileSync(file("app.mjs"), `${IMPORT}init();\n${TELL}`);
    const supervisor = new TestSupervisor(["--", process.execPath, `--import=${file("metrics.mjs")}`, file("app.mjs")]);
    await supervisor.serving(1);
    await supervisor.output.next(/^1 /);
  });
});
