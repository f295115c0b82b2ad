// --probe: what a candidate that is ready must pass before anything is handed over to it.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { zerodown } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { isAlive, privateKilobytes } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";
import { APPS, ROOT } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);
afterEach(endServices);

/** A service whose later generations must pass this command; the first one passes by itself. */
async function start(command: string, ...args: string[]): Promise<TestService> {
  const service = new TestService();
  const later = `test "$ZERODOWN_GENERATION" = 1 && exit; ${command.replaceAll("DIR", service.path)}`;
  return service.start({ args: ["--probe", later, ...args] });
}

/** Nothing of a probe is left: its processes have this variable, and apps have not. */
function probesLeft(service: TestService): number[] {
  return readdirSync("/proc")
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, "utf8");
        return variables.includes("ZERODOWN_CANDIDATE_PID=") && variables.includes(service.path) && isAlive(pid);
      } catch {
        return false;
      }
    });
}

describe("a command", () => {
  test("runs in the candidate's directory, with its environment, when that is ready and before it serves", async () => {
    const service = await start(
      "env > DIR/env; pwd > DIR/pwd; test -S $ZERODOWN_PROBE_SOCKET; echo looks well",
      "--env-file",
      "/dev/null",
    );
    expect(await service.reload()).toMatch(/^generation 2 \(pid \d+\) serving: ready after /);
    const variables = readFileSync(`${service.path}/env`, "utf8").split("\n");
    const value = (name: string) => variables.find(line => line.startsWith(`${name}=`))?.slice(name.length + 1);
    const pid = value("ZERODOWN_CANDIDATE_PID");
    expect(service.supervisor.log.matching(/generation 2 /)).toEqual([
      `zerodown: generation 2 (pid ${pid}) started`,
      expect.stringMatching(new RegExp(`^zerodown: generation 2 \\(pid ${pid}\\) ready after .*: probing it$`)),
      `zerodown: a probe of generation 2 (pid ${pid}) says: looks well`,
      expect.stringContaining("serving"),
    ]);
    expect(value("ZERODOWN_GENERATION")).toBe("2");
    expect(value("ZERODOWN_PROBE_SOCKET")).toMatch(/\/run\/zerodown-\d+\/probe-2\.0$/);
    const others = ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "NOTIFY_SOCKET", "ZERODOWN_PROBE_FD"];
    expect(others.map(value)).toEqual(others.map(() => undefined));
    expect(readFileSync(`${service.path}/pwd`, "utf8").trim()).toBe(process.cwd());
    await service.expectOnly(2, "v1");
  });

  test.each([
    [
      "fails: its last line is the reason",
      "echo first; echo 'no such table' >&2; echo; exit 22",
      /exited with status 22: no such table\)/,
    ],
    ["isn't there", "/nonexistent/check", /exited with status 127: .*\/nonexistent\/check/],
    ["can't be parsed", "eval '('", /exited with status 2: .*[Ss]yntax error/],
    ["is killed", "kill -KILL $$", /was killed by SIGKILL\)/],
  ])("that %s", async (_, command, why) => {
    const service = await start(command);
    service.deploy(answering("v2"));
    const line = await service.reload();
    expect(line).toMatch(/^reload failed after .*: generation 2 \(pid \d+\) failed its probe ".*" \(/);
    expect(line).toMatch(why);
    expect(line).toMatch(/ and was killed\. Generation 1 \(pid \d+\) still serving$/);
    await service.expectOnly(1, "v1");
    expect(probesLeft(service)).toEqual([]);
  });

  test("that hangs is killed at --probe-timeout, with what it has started", async () => {
    const service = await start("sleep 1000 & sleep 1000; exit 0", "--probe-timeout", "300ms");
    expect(await service.reload()).toMatch(
      /generation 2 .* did not pass its probe ".*" within 300ms and was killed\. Generation 1/,
    );
    await eventually(() => expect(probesLeft(service)).toEqual([]));
    await service.expectOnly(1, "v1");
  });

  test("that floods its output takes no memory, and few lines of the log", async () => {
    const service = await start("yes 'a line of a flood'", "--probe-timeout", "2s");
    const before = privateKilobytes(service.supervisor.pid);
    const reload = service.reload();
    await service.supervisor.log.next(/left out/);
    await new Promise(resolve => setTimeout(resolve, 1000));
    const grown = privateKilobytes(service.supervisor.pid) - before;
    expect(await reload).toMatch(/ within 2(\.\d)?s and was killed/);
    expect(grown).toBeLessThan(30_000);
    expect(service.supervisor.log.matching(/a line of a flood$/)).toHaveLength(100);
    await service.expectOnly(1, "v1");
  });

  test("with one line without an end takes no memory, either, and its beginning is the reason", async () => {
    const service = await start("head -c 50000000 /dev/zero | tr '\\0' x; exit 1");
    const before = privateKilobytes(service.supervisor.pid);
    expect(await service.reload()).toMatch(/exited with status 1: x{300}…\)/);
    expect(privateKilobytes(service.supervisor.pid) - before).toBeLessThan(30_000);
  });

  test("that leaves processes behind passes at its own end, and they are killed", async () => {
    const service = await start("sleep 1000 & echo $! > DIR/left");
    expect(await service.reload()).toMatch(/^generation 2 .* serving/);
    const left = Number(readFileSync(`${service.path}/left`, "utf8"));
    await eventually(() => expect(isAlive(left)).toBe(false));
    await service.expectOnly(2, "v1");
  });

  test("that exits with 0 after the candidate died doesn't count", async () => {
    const service = await start(
      "kill -KILL $ZERODOWN_CANDIDATE_PID; until grep -q 'State:.Z' /proc/$ZERODOWN_CANDIDATE_PID/status; do :; done; exit 0",
    );
    expect(await service.reload()).toMatch(
      /^reload failed after .*: generation 2 \(pid \d+\) was killed by SIGKILL before it was ready\. Generation 1/,
    );
    await service.expectOnly(1, "v1");
  });

  test("ends with the candidate, and doesn't hold its end up", async () => {
    const service = await start("kill -KILL $ZERODOWN_CANDIDATE_PID; sleep 1000");
    expect(await service.reload()).toMatch(/was killed by SIGKILL before it was ready/);
    await eventually(() => expect(probesLeft(service)).toEqual([]));
    await service.expectOnly(1, "v1");
  });

  test("ends at a stop", async () => {
    const service = await start("echo waits; sleep 1000");
    service.supervisor.signal("SIGHUP");
    await service.supervisor.log.next(/says: waits/);
    expect(await service.supervisor.stop()).toEqual({ status: 0, signal: null });
    await eventually(() => expect(probesLeft(service)).toEqual([]));
  });

  test("ends when an operator aborts the candidate", async () => {
    // What an operator asks for within 50 ms of the signal is taken for the same request.
    const service = await start("test $ZERODOWN_GENERATION = 3 && exit; sleep 0.1; echo waits; sleep 1000");
    service.supervisor.signal("SIGHUP");
    await service.supervisor.log.next(/says: waits/);
    const args = ["reload", "--replace", "--pid", String(service.supervisor.pid)];
    expect(await zerodown(args)).toMatchObject({ status: 0 });
    expect(service.supervisor.log.matching(/generation 2 .* was aborted/)).toHaveLength(1);
    await eventually(() => expect(probesLeft(service)).toEqual([]));
    expect(await service.ask()).toBe("v1 from generation 3");
  });

  test("fails the first start: the supervisor ends with status 69", async () => {
    const service = new TestService();
    service.deploy(answering("v1"));
    const supervisor = service.launch({ args: ["--probe", "exit 1"] });
    expect(await supervisor.ended).toEqual({ status: 69, signal: null });
  });

  test("isn't run for what replaces one that crashed", async () => {
    const service = new TestService();
    await service.start({ args: ["--probe", `echo >> ${service.path}/probes`] });
    process.kill(await service.supervisor.serving(1), "SIGKILL");
    await service.supervisor.serving(2);
    expect(readFileSync(`${service.path}/probes`, "utf8")).toBe("\n");
  });
});

describe("http:/PATH", () => {
  const app = (version: string, way: string) => `exec /usr/bin/python3 -IS ${APPS}probed.py ${version} ${way}`;

  async function launch(...args: string[]): Promise<TestService> {
    const service = new TestService();
    service.deploy(app("v1", "ok"));
    await service.launch({ args: ["--probe", "http:/health?all", ...args] }).serving(1);
    return service;
  }

  test("asks the candidate alone, and 2xx passes", async () => {
    const service = await launch();
    service.deploy(app("v2", "ok"));
    expect(await service.reload()).toMatch(/^generation 2 .* serving/);
    await eventually(() =>
      expect(readdirSync(`${service.path}/run/zerodown-${service.supervisor.pid}`).sort()).toEqual([
        ...["control", "notify-2", "probe-2.0"],
      ]),
    );
  });

  test.each([
    ["fails", /\(answered with 500 Broken On Purpose\)/],
    ["switches", /\(answered with 101 Switching Protocols\)/],
    ["hangs-up", /\(socket hang up\)/],
    ["garbles", /\(Parse Error: .*\)/],
    ["closes", /\(connect ECONNREFUSED .*probe-2\.0\)/],
  ])("a candidate that %s it fails the reload", async (way, why) => {
    const service = await launch();
    service.deploy(app("v2", way));
    const line = await service.reload();
    expect(line).toMatch(/generation 2 \(pid \d+\) failed its probe "http:\/health\?all" \(/);
    expect(line).toMatch(why);
  });

  test("a candidate that never accepts it fails the reload at the time limit", async () => {
    const service = await launch("--probe-timeout", "3s");
    service.deploy(app("v2", "deaf"));
    expect(await service.reload()).toMatch(/did not pass its probe "http:\/health\?all" within 3(\.\d)?s and was/);
    await service.supervisor.log.next(/generation 2 .* isn't seen to accept on .* must listen on \$ZERODOWN_PROBE_FD/);
    expect(existsSync(`${service.path}/run/zerodown-${service.supervisor.pid}/probe-2.0`)).toBe(false);
  });

  test("comes after those before it, and each must pass", async () => {
    const service = await launch("--probe", "test $ZERODOWN_GENERATION = 1");
    expect(await service.reload()).toMatch(/generation 2 .* failed its probe "test .* = 1" \(exited with status 1\)/);
    service.deploy(app("v3", "fails"));
    expect(await service.reload()).toMatch(/generation 3 .* failed its probe "http:/);
  });
});

describe("the library answers", () => {
  const curl = (...args: string[]) =>
    `curl --fail --silent --show-error --unix-socket "$ZERODOWN_PROBE_SOCKET" ${args.join(" ")}`;
  const certificate = ["key", "cert"].map(name => `${name}: readFileSync("${APPS}certificate/${name}.pem")`).join(", ");

  test.each([
    ["with adopt()", "const served = adopt(); http.createServer(answer).listen(0); await served;", "http:/health"],
    [
      "with TLS",
      `await serve(https.createServer({ ${certificate} }, answer));`,
      curl("--insecure", "https://localhost/health"),
    ],
    [
      "with HTTP/2",
      "await serve(http2.createServer(answer));",
      curl("--http2-prior-knowledge", "http://localhost/health"),
    ],
    [
      "with HTTP/2 and TLS",
      `await serve(http2.createSecureServer({ ${certificate} }, answer));`,
      curl("--insecure", "--http2", "https://localhost/health"),
    ],
  ])("%s, on a socket that clients don't have, and drains as ever", async (_, program, probe) => {
    const service = new TestService();
    service.write(
      "app.mjs",
      `import { readFileSync } from "node:fs";
       import http from "node:http";
       import http2 from "node:http2";
       import https from "node:https";
       import { adopt, serve } from "${ROOT}dist/index.js";
       const answer = (request, response) => {
         console.log("asked for " + request.url);
         response.end();
       };
       ${program}`,
    );
    const command = [process.execPath, `${service.path}/app.mjs`];
    const supervisor = service.launch({ args: ["--probe", probe], command });
    await supervisor.serving(1);
    await supervisor.output.next(/^asked for \/health$/);
    expect(await supervisor.reload()).toMatch(/generation 2 .* serving/);
    await supervisor.log.next(/generation 1 .* drained and exited with status 0/);
    expect(await supervisor.stop()).toEqual({ status: 0, signal: null });
  });
});

test("each worker is probed; one that fails fails the candidate", async () => {
  const service = new TestService();
  const probe = `echo "$ZERODOWN_GENERATION/$ZERODOWN_WORKER" >> ${service.path}/probes; test "$ZERODOWN_GENERATION/$ZERODOWN_WORKER" != 2/1`;
  service.deploy(answering("v1"));
  const { log } = service.launch({ args: ["--workers", "2", "--probe", probe] });
  await log.next(/generation 1 \(2 workers\) serving/);
  const probed = () => readFileSync(`${service.path}/probes`, "utf8").trim().split("\n").sort();
  expect(probed()).toEqual(["1/0", "1/1"]);
  expect(await service.reload()).toMatch(
    /worker 1 of generation 2 \(pid \d+\) failed its probe .*\(exited with status 1\)/,
  );
  // Its other worker answers until it has drained.
  await eventually(async () => expect(await service.ask()).toBe("v1 from generation 1"));
  await eventually(() => expect(probesLeft(service)).toEqual([]));
  writeFileSync(`${service.path}/probes`, "");
  const pid = Number(/pid (\d+)/.exec(log.matching(/worker 1 of generation 1 \(pid/)[0]!)![1]);
  process.kill(pid, "SIGKILL");
  await log.next(/worker 1 of generation 1 .* serving/);
  expect(probed()).toEqual([""]);
});

test("what a probe leaves in a session of its own is killed with its cgroup, and the candidate's is left alone", async () => {
  const address = loopback();
  const unit = installApp({
    command: `/usr/bin/python3 -IS ${APPS}probed.py v1`,
    options: directory => `--probe ${directory}/probe`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
  });
  writeFileSync(
    `${unit.directory}/probe`,
    `#!/bin/sh\nsetsid sleep 1000 &\necho $! > ${unit.directory}/left\ncat /proc/self/cgroup\n`,
    {
      mode: 0o755,
    },
  );
  await unit.start();
  expect(await unit.log.next(/says: 0::/)).toMatch(/\/generation-1\/probe$/);
  const left = Number(readFileSync(`${unit.directory}/left`, "utf8"));
  await eventually(() => expect(isAlive(left)).toBe(false));
  await unit.reload();
  await unit.log.next(/generation 1 .* (?:drained|ended)/);
  const cgroup = `/sys/fs/cgroup${await unit.property("ControlGroup")}`;
  await eventually(() =>
    expect(readdirSync(cgroup).filter(name => name.startsWith("generation-"))).toEqual(["generation-2"]),
  );
  expect(unit.log.matching(/cgroup stays|internal error/)).toEqual([]);
});

test("a gunicorn whose workers can't import the app: with notify+accept and a probe the reload fails, and nothing is lost", async () => {
  const address = loopback();
  const unit = installApp({
    // It takes the socket of the probes as it takes all of LISTEN_FDS.
    command: directory => `/usr/bin/gunicorn --chdir ${directory} --workers 1 --log-level warning app:app`,
    options: directory => `--ready notify+accept --stop-signal SIGTERM --probe ${directory}/probe`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
  });
  const deploy = (body: string, before = "") =>
    writeFileSync(
      `${unit.directory}/app.py`,
      `${before}\ndef app(environ, start):\n    start("200 OK", [("Content-Length", "${body.length}")])\n    return [b"${body}"]\n`,
    );
  const curl = 'exec curl --fail --silent --show-error --unix-socket "$ZERODOWN_PROBE_SOCKET" http://app/health';
  writeFileSync(`${unit.directory}/probe`, `#!/bin/sh\n${curl}\n`, { mode: 0o755 });
  deploy("good");
  await unit.start();
  const load = new HttpLoad(address, { clients: 4, keepAlive: false });
  await load.answers(20, /^good$/);
  // Its master says READY=1 all the same.
  deploy("broken", "import time\ntime.sleep(0.5)\nraise RuntimeError('broken on purpose')");
  expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
  await load.answers(20, /^good$/);
  deploy("better");
  await unit.reload();
  await load.answers(20, /^better$/);
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(unit.log.matching(/generation 2 .*probing it|generation 3 .*probing it/)).toHaveLength(1);
});
