// zerodown reload --dry-run: what is on disk is tried beside what serves, and nothing changes.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { zerodown } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { idle } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";
import { APPS, ROOT, TestSupervisor } from "../support/supervisor.js";
import { type App, installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);
afterEach(endServices);

function install(app: Omit<App, "socket">) {
  const address = loopback();
  const socket = ["ListenStream=", `ListenStream=${address.host}:${address.port}`, "FileDescriptorName=web"];
  return { address, unit: installApp({ ...app, socket }) };
}

const dryRun = (unit: TestUnit, ...args: string[]) =>
  zerodown(["reload", "--dry-run", "--user", ...args, unit.service]);

/** Nothing is left of others. (Since its first client the supervisor has one descriptor more.) */
async function onlyServes(service: TestService, generation: number, version: string): Promise<void> {
  const files = [`notify-${generation}`];
  await eventually(() => expect(service.holdings()).toMatchObject({ children: 1, files }));
  expect(await service.ask()).toBe(`${version} from generation ${generation}`);
}

/** What must not change. */
async function facts(unit: TestUnit): Promise<readonly string[]> {
  const names = ["ActiveState", "SubState", "MainPID", "NRestarts", "StatusText", "StateChangeTimestampMonotonic"];
  return Promise.all(names.map(name => unit.property(name)));
}

/** A gunicorn, which takes all of LISTEN_FDS, with a probe by curl. */
function gunicorn() {
  const { address, unit } = install({
    command: directory => `/usr/bin/gunicorn --chdir ${directory} --workers 1 --log-level warning app:app`,
    options: directory => `--ready notify+accept --stop-signal SIGTERM --probe ${directory}/probe`,
  });
  const curl = 'exec curl --fail --silent --show-error --unix-socket "$ZERODOWN_PROBE_SOCKET" http://app/health';
  writeFileSync(`${unit.directory}/probe`, `#!/bin/sh\n${curl}\n`, { mode: 0o755 });
  const deploy = (status: string, body: string) =>
    writeFileSync(
      `${unit.directory}/app.py`,
      `def app(environ, start):\n    start("${status}", [("Content-Length", "${body.length}")])\n    return [b"${body}"]\n`,
    );
  return { address, unit, deploy };
}

test("under load a broken release fails and a good one passes: no client sees either, and systemd hears nothing", async () => {
  const { address, unit, deploy } = gunicorn();
  deploy("200 OK", "good");
  await unit.start();
  const before = await facts(unit);
  const bodies = new Set<string | undefined>();
  const load = new HttpLoad(address, { clients: 4, keepAlive: false, record: ({ body }) => void bodies.add(body) });
  await load.answers(20, /^good$/);
  deploy("500 Broken", "broken");
  const failed = await dryRun(unit);
  expect(failed).toMatchObject({ status: 1, stdout: "" });
  expect(failed.stderr).toMatch(
    /^zerodown: Dry run failed: generation 2 failed its probe ".*\/probe" \(exited with status 22: .*500.*\) and was killed\n/,
  );
  expect(await facts(unit)).toEqual(before);
  deploy("200 OK", "better");
  expect(await dryRun(unit)).toEqual({
    status: 0,
    stdout: expect.stringMatching(
      /^generation 3 would serve\. Nothing has changed: generation 1 \(pid \d+\) serving\n$/,
    ),
    stderr: "",
  });
  await unit.log.next(/generation 3 .* (?:drained|ended)/);
  await load.answers(50, /^good$/);
  expect(await facts(unit)).toEqual(before);
  await unit.reload();
  await load.answers(20, /^better$/);
  await load.stop();
  expect(load.failures).toEqual([]);
  expect([...bodies].sort()).toEqual(["better", "good"]);
}, 90_000);

test("status shows it as a trial; it has no descriptor but the probe's, and nothing of it is left", async () => {
  const service = new TestService();
  await service.start();
  const control = ["--pid", String(service.supervisor.pid)];
  service.deploy(
    [
      `env > ${service.path}/env`,
      `until test -e ${service.path}/go; do sleep 0.1; done`,
      "systemd-notify --ready",
      "exec sleep 1000",
    ].join("\n"),
  );
  const run = zerodown(["reload", "--dry-run", ...control]);
  await service.supervisor.log.next(/generation 2 \(pid \d+\) started/);
  const { generations }: StatusFacts = JSON.parse((await zerodown(["status", "--json", ...control])).stdout);
  expect(generations.map(({ number, state, trial }) => [number, state, trial])).toEqual([
    [2, "starting", true],
    [1, "serving", undefined],
  ]);
  expect((await zerodown(["status", ...control])).stdout).toMatch(/^ +2 +trial +\d+/m);
  expect(await zerodown(["reload", "--dry-run", ...control])).toMatchObject({
    status: 1,
    stderr: "zerodown: A reload or a dry run is under way\n",
  });
  writeFileSync(`${service.path}/go`, "");
  expect(await run).toMatchObject({ status: 0, stdout: expect.stringMatching(/^generation 2 would serve\. /) });
  const variables = readFileSync(`${service.path}/env`, "utf8").split("\n");
  for (const line of ["LISTEN_FDS=1", "LISTEN_FDNAMES=probe", "ZERODOWN_PROBE_FD=3", "ZERODOWN_DRY_RUN=1"])
    expect(variables).toContain(line);
  await service.supervisor.log.next(/generation 2 .* (?:drained|ended)/);
  await onlyServes(service, 1, "v1");
  expect(readdirSync(`${service.path}/run/zerodown-${service.supervisor.pid}`).sort()).toEqual(["control", "notify-1"]);
  expect((await zerodown(["rollback", ...control])).stderr).toMatch(/nothing to go back to: no other release/);
});

test("one that exits, hangs or doesn't wait for clients fails with its reason and its last lines", async () => {
  const service = new TestService();
  await service.start({ args: ["--start-timeout", "1s"] });
  const control = ["--pid", String(service.supervisor.pid)];
  for (const [program, why] of [
    [
      "echo no database >&2; exit 3",
      /^zerodown: Dry run failed: generation 2 exited with status 3 before it was ready\n/,
    ],
    ["exec sleep 1000", /^zerodown: Dry run failed: generation 3 was not ready within 1[.\d]*s and was killed\n/],
  ] as const) {
    service.deploy(program);
    const { status, stderr } = await zerodown(["reload", "--dry-run", ...control]);
    expect(stderr).toMatch(why);
    expect(status).toBe(1);
  }
  await onlyServes(service, 1, "v1");
});

test("with --ready accept it must wait for clients on the probe socket", async () => {
  const service = new TestService();
  service.deploy(`exec /usr/bin/python3 -IS ${APPS}probed.py v1 ok`);
  const { pid } = service.launch({ args: ["--ready", "accept", "--start-timeout", "1s"] });
  await service.supervisor.serving(1);
  const control = ["--pid", String(pid)];
  expect(await zerodown(["reload", "--dry-run", ...control])).toMatchObject({ status: 0 });
  service.deploy(`exec /usr/bin/python3 -IS ${APPS}probed.py v2 deaf`);
  expect(await zerodown(["reload", "--dry-run", ...control])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/generation 3 was not ready within 1[.\d]*s/),
  });
});

test("one after the other they leave nothing open", async () => {
  const service = new TestService();
  await service.start({ args: ["--probe", "true"] });
  const run = async () => {
    const args = ["reload", "--dry-run", "--pid", String(service.supervisor.pid)];
    expect(await zerodown(args)).toMatchObject({ status: 0 });
    await eventually(() => expect(service.holdings().children).toBe(1));
    // It looks for strays after that.
    await idle(service.supervisor.pid);
    return service.holdings().fds;
  };
  const fds = await run();
  for (let round = 0; round < 3; round++) expect(await run()).toEqual(fds);
});

test("a reload that begins meanwhile aborts it, and is done", async () => {
  const service = new TestService();
  await service.start();
  const control = ["--pid", String(service.supervisor.pid)];
  service.deploy("exec sleep 1000");
  const run = zerodown(["reload", "--dry-run", ...control]);
  await service.supervisor.log.next(/generation 2 \(pid \d+\) started/);
  service.deploy(answering("v2"));
  expect(await service.reload()).toMatch(/^generation 3 .* serving/);
  expect(await run).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/Dry run failed: generation 2 was aborted/),
  });
  await onlyServes(service, 3, "v2");
});

test("what it stores doesn't get to others", async () => {
  const service = new TestService();
  await service.start({ args: ["--fdstore-max", "4"] });
  service.deploy(`/usr/bin/python3 -IS -c '
import os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
    notifier.connect(os.environ["NOTIFY_SOCKET"])
    socket.send_fds(notifier, [b"FDSTORE=1\\nFDNAME=x"], [1])
    notifier.send(b"READY=1")
'; exec sleep 1000`);
  const control = ["--pid", String(service.supervisor.pid)];
  expect(await zerodown(["reload", "--dry-run", ...control])).toMatchObject({ status: 0 });
  await service.supervisor.log.next(/is not heeded in a dry run/);
  const { sockets }: StatusFacts = JSON.parse((await zerodown(["status", "--json", ...control])).stdout);
  expect(sockets).toHaveLength(1);
});

test("a stop ends it, and whoever waits is told", async () => {
  const service = new TestService();
  await service.start();
  service.deploy("exec sleep 1000");
  const run = zerodown(["reload", "--dry-run", "--pid", String(service.supervisor.pid)]);
  await service.supervisor.log.next(/generation 2 \(pid \d+\) started/);
  expect(await service.supervisor.stop()).toEqual({ status: 0, signal: null });
  expect(await run).toMatchObject({ status: 1, stderr: expect.stringMatching(/the service is stopping/) });
});

test.each([
  [["--same"], /--dry-run tries what is on disk, and --same is what serves now: they exclude each other/],
  [["--replace"], /--dry-run changes nothing, so that --replace has no meaning with it/],
])("%j with it is wrong usage", async (args, why) => {
  const { status, stderr } = await zerodown(["reload", "--dry-run", "--pid", "1", ...args]);
  expect(stderr).toMatch(why);
  expect(status).toBe(64);
});

test("serve() answers probes on their own socket, by the same server, and in a dry run on that alone", async () => {
  const { address, unit } = install({
    command: directory => `${process.execPath} ${directory}/app.mjs`,
    options: "--probe http:/health",
  });
  const deploy = (status: number) =>
    writeFileSync(
      `${unit.directory}/app.mjs`,
      `import { createServer } from "node:http";
       import { serve } from "${ROOT}dist/index.js";
       const web = createServer((request, response) => {
         console.log("asked", process.env.ZERODOWN_GENERATION, request.url, request.headers["user-agent"]);
         response.statusCode = request.url === "/health" ? ${status} : 200;
         response.end("web");
       });
       // Without a socket of its own: where there are no sockets it would bind that.
       const metrics = createServer((_, response) => response.end("metrics"));
       await serve(web, { socket: "web", ready: false, listen: 1 });
       if (process.env.ZERODOWN_DRY_RUN) await serve(metrics, { socket: "metrics", ready: false, listen: 1 });
       const { startupFinished } = await import("${ROOT}dist/index.js");
       startupFinished();\n`,
    );
  deploy(204);
  await unit.start();
  expect(unit.log.matching(/^asked/)).toEqual(["asked 1 /health zerodown"]);
  const load = new HttpLoad(address, { clients: 2, keepAlive: true });
  await load.answers(10, /^web$/);
  expect(await dryRun(unit)).toMatchObject({ status: 0 });
  await unit.log.next(/^asked 2 \/health zerodown/);
  await unit.log.next(/generation 2 .* drained and exited with status 0/);
  deploy(503);
  expect(await dryRun(unit)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/failed its probe "http:\/health" \(answered with 503 Service Unavailable\)/),
  });
  deploy(200);
  await unit.reload();
  await load.answers(10, /^web$/);
  await unit.log.next(/generation 1 .* drained and exited with status 0/);
  await load.stop();
  expect(load.failures).toEqual([]);
  await eventually(() => expect(unit.log.matching(/^asked 4 \/ /).length).toBeGreaterThanOrEqual(1));
  expect(unit.log.matching(/^asked [23] \/ /)).toEqual([]);
});

test("an app that needs two sockets gets one: why it failed is said", async () => {
  const command =
    '[ "$LISTEN_FDS" = 2 ] || { echo "sockets: $LISTEN_FDS"; exit 3; }; echo >&$ZERODOWN_READY_FD; exec sleep infinity';
  const sockets = ["a", "b"].flatMap(name => ["--listen", `${name}=@zerodown-dry-run-${process.pid}-${name}`]);
  const supervisor = new TestSupervisor([...sockets, "--ready", "fd", "--", "sh", "-c", command]);
  try {
    await supervisor.serving(1);
    const { status, stderr } = await zerodown(["reload", "--dry-run", "--pid", String(supervisor.pid)]);
    expect(stderr).toMatch(/^zerodown: .* exited with status 3/);
    expect(stderr).toContain(
      '  in a dry run it got one socket, named "probe", in place of its 2; $ZERODOWN_DRY_RUN=1 tells it that\n',
    );
    expect(status).toBe(1);
  } finally {
    await supervisor.kill();
  }
});
