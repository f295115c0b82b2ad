// zerodown upgrade beside a real systemd: the supervisor replaces itself, and the service goes on.

import { execFileSync, spawn } from "node:child_process";
import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { callSupervisor } from "../../src/control/client.js";
import { locateControl } from "../../src/control/locate.js";
import type { StatusReport } from "../../src/control/types.js";
import { eventually } from "../support/eventually.js";
import { HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { Lines } from "../support/lines.js";
import { Puppet } from "../support/puppet.js";
import { APPS, EXAMPLE_APP, ZERODOWN } from "../support/supervisor.js";
import { removeUnits, type TestUnit } from "../support/unit.js";
import {
  installInitApp,
  installVersion,
  installVersioned,
  startVersioned,
  unitFacts,
  upgrade,
  upgradeTo,
} from "../support/versions.js";

afterEach(killLoads);
afterEach(removeUnits);

function status(unit: TestUnit): StatusReport & { supervisor: { version: string } } {
  const { MAINPID: _, ...env } = process.env;
  return JSON.parse(execFileSync(ZERODOWN, ["status", "--user", "--json", unit.service], { encoding: "utf8", env }));
}

const versionOf = (unit: TestUnit) => status(unit).supervisor.version;

async function startExample(options = "") {
  const address = loopback();
  const unit = installVersioned({
    command: `node ${EXAMPLE_APP}`,
    options,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
    service: ["Environment=IDLE_GRACE=500"],
  });
  await unit.start();
  return { unit, address };
}

test("the new version has the process, the generation and the unit as they were; reload and stop work as before", async () => {
  const unit = await startVersioned("WatchdogSec=3");
  const before = await unitFacts(unit);
  const pid = await unit.serving(1);
  expect(versionOf(unit)).toBe("1.0.0");
  installVersion(unit.directory, "1.1.0");
  expect(await upgrade(unit)).toEqual({ status: 0, said: [`${unit.service}: 1.0.0 → 1.1.0 (pid ${before.main})`] });
  expect(versionOf(unit)).toBe("1.1.0");
  expect(await unitFacts(unit)).toEqual(before);
  expect(await unit.property("StatusText")).toBe(`Generation 1 (pid ${pid}) serving`);
  expect(unit.log.matching(/takes over|has taken over/).map(line => line.replace("zerodown: ", ""))).toEqual([
    "zerodown 1.0.0: zerodown 1.1.0 takes over, as the same process",
    "zerodown 1.1.0 has taken over from zerodown 1.0.0, and the service goes on",
  ]);
  // Longer than the watchdogs of systemd and of the app allow to be silent.
  await new Promise(resolve => setTimeout(resolve, 4000));
  await unit.reload();
  await unit.serving(2);
  expect(await unitFacts(unit)).toEqual(before);
  await unit.stop();
  expect(await unit.property("Result")).toBe("success");
  expect(unit.log.matching(/internal error|leaves something|stays/)).toEqual([]);
});

test("a reload that is under way ends with its outcome, for whoever asked and for systemd", async () => {
  const puppet = new Puppet({ install: installVersioned }, "--silent");
  const { unit } = puppet;
  const started = unit.start();
  // While the first start is under way, too.
  await puppet.waits(1);
  await upgradeTo(unit, "1.1.0");
  await puppet.run("sh systemd-notify --ready");
  await started;
  const before = await unitFacts(unit);
  const reload = unit.systemctl("reload", unit.service);
  await puppet.waits(2);
  await upgradeTo(unit, "1.2.0");
  expect(await unit.property("ActiveState")).toBe("reloading");
  await upgradeTo(unit, "1.3.0");
  await puppet.run("sh systemd-notify --ready", 2);
  expect((await reload).status).toBe(0);
  const failing = unit.systemctl("reload", unit.service);
  await puppet.waits(3);
  await upgradeTo(unit, "1.4.0");
  await puppet.begin("exit 3", 3);
  expect((await failing).status).toBe(1);
  expect(await unitFacts(unit)).toEqual(before);
  expect(unit.log.matching(/internal error/)).toEqual([]);
});

test("a generation that drains goes on draining, and is killed at its limit and not later", async () => {
  const puppet = new Puppet({ install: installVersioned, options: "--stop-timeout 4s" });
  await puppet.unit.start();
  await puppet.run("ignore");
  await puppet.unit.reload();
  const from = performance.now();
  await upgradeTo(puppet.unit, "1.1.0");
  await puppet.unit.log.next(/generation 1 .*did not stop in time/);
  expect(performance.now() - from).toBeLessThan(4500);
  await eventually(async () =>
    expect(await puppet.unit.property("StatusText")).toMatch(/^Generation 2 \(pid \d+\) serving$/),
  );
});

test("a command that probes goes on, and what it says and comes to counts", async () => {
  const puppet = new Puppet({ install: installVersioned, options: directory => `--probe ${directory}/probe` });
  const { unit } = puppet;
  const [probe, end] = ["probe", "end"].map(name => `${unit.directory}/${name}`) as [string, string];
  const write = (then: string) => writeFileSync(probe, `#!/bin/sh\n${then}\n`, { mode: 0o755 });
  write("exit 0");
  await unit.start();
  write(`echo begins; printf half; until [ -s ${end} ]; do sleep 0.05; done; . ${end}`);
  for (const [version, rest, status] of [
    ["1.1.0", "echo ' a line'; exit 0", 0],
    ["1.2.0", "echo ' of it'; exit 3", 1],
  ] as const) {
    rmSync(end, { force: true });
    const from = unit.log.count;
    const reload = unit.systemctl("reload", unit.service);
    await unit.log.next(/says: begins/, from);
    await upgradeTo(unit, version);
    writeFileSync(end, rest);
    expect((await reload).status).toBe(status);
    expect(unit.log.lines.slice(from).filter(line => line.endsWith("says: begins"))).toHaveLength(1);
  }
  await unit.log.next(/says: half a line$/);
  await unit.log.next(/reload failed after .*\(exited with status 3: half of it\)/);
  expect(unit.log.matching(/internal error/)).toEqual([]);
});

test.each([
  ["skips", /^held$/, 0],
  ["deaf", /generation 2 .*: probing it$/, 1],
])(
  "a probe by HTTP is asked again, within what is left of its time: of an app that %s the first",
  async (way, sign, status) => {
    const unit = installVersioned({
      command: directory => `${directory}/app`,
      options: "--probe http:/ --probe-timeout 4s",
    });
    const deploy = (how: string) =>
      writeFileSync(`${unit.directory}/app`, `#!/bin/sh\nexec python3 ${APPS}probed.py v ${how}\n`, { mode: 0o755 });
    deploy("ok");
    await unit.start();
    deploy(way);
    const reload = unit.systemctl("reload", unit.service);
    await unit.log.next(sign);
    const from = performance.now();
    await upgradeTo(unit, "1.1.0");
    expect((await reload).status).toBe(status);
    expect(performance.now() - from).toBeLessThan(4500);
    expect(unit.log.matching(/did not pass its probe "http:\/" within 4s/)).toHaveLength(status);
  },
);

test("workers, and the number of them that was asked for, stay", async () => {
  const { unit } = await startExample("--workers 3");
  execFileSync(ZERODOWN, ["scale", "--user", unit.service, "4"], { env: { ...process.env, MAINPID: "" } });
  const pids = () => {
    const serving = status(unit).generations.find(({ state }) => state === "serving");
    return serving!.workers!.map(({ pid }) => pid!);
  };
  const before = pids();
  expect(before).toHaveLength(4);
  await upgradeTo(unit, "1.1.0");
  expect(pids()).toEqual(before);
  process.kill(before[2]!, "SIGKILL");
  await eventually(() => {
    const after = pids();
    expect(after).toHaveLength(4);
    expect(after.filter(pid => before.includes(pid))).toHaveLength(3);
  });
  await unit.reload();
  expect(pids()).toHaveLength(4);
});

test("under load, through upgrades and reloads by turns, no request is lost, and no descriptor is left", async () => {
  const { unit, address } = await startExample("--workers 2");
  const before = await unitFacts(unit);
  const loads = [true, false].map(keepAlive => new HttpLoad(address, { clients: 4, keepAlive, pause: 5 }));
  for (let round = 1; round <= 4; round++) {
    await upgradeTo(unit, `1.${round}.0`);
    const reload = unit.reload();
    await upgradeTo(unit, `1.${round}.1`);
    await reload;
    for (const load of loads) await load.answers(2, new RegExp(`generation ${round + 1},`));
  }
  await Promise.all(loads.map(load => load.stop()));
  expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
  expect(await unitFacts(unit)).toEqual(before);
  expect(unit.log.matching(/internal error|was killed/)).toEqual([]);
  console.log(`${loads.map(({ requests }) => requests)} requests on kept and new connections`);
}, 120_000);

test("50 upgrades leave no descriptor, no child and no file behind", async () => {
  const unit = await startVersioned();
  const pid = await unit.mainPid();
  const holdings = () => ({
    fds: readdirSync(`/proc/${pid}/fd`).length,
    children: execFileSync("ps", ["--no-headers", "--ppid", String(pid), "-o", "pid"], { encoding: "utf8" }),
    files: readdirSync(`${process.env.XDG_RUNTIME_DIR}/zerodown/${unit.name.split("@")[1]}/zerodown-${pid}`),
  });
  await upgradeTo(unit, "1.0.1");
  const before = holdings();
  const control = locateControl(pid)!;
  for (let count = 0; count < 50; count++) {
    expect(await callSupervisor(control, "Upgrade", {})).toEqual({ before: "1.0.1", version: "1.0.1", pid });
  }
  await eventually(() => {
    const { fds, ...others } = holdings();
    // Before, the connection of who had asked may have been open still.
    expect(fds).toBeLessThanOrEqual(before.fds);
    expect(others).toEqual({ children: before.children, files: before.files });
  });
  await unit.reload();
}, 300_000);

test("what a generation says and stores meanwhile is heard, and systemd's store has all of it once", async () => {
  const puppet = new Puppet({
    install: installVersioned,
    options: "--fdstore-max 60",
    service: ["FileDescriptorStoreMax=60"],
  });
  const { unit } = puppet;
  await unit.start();
  await puppet.begin("stream 50");
  for (const version of ["1.1.0", "1.2.0", "1.3.0"]) await upgradeTo(unit, version);
  await unit.log.next(/^1> done: stream 50$/);
  await eventually(() => expect(status(unit).sockets.filter(({ stored }) => stored)).toHaveLength(50));
  expect(await unit.property("NFileDescriptorStore")).toBe("50");
  await unit.reload();
  expect(await unit.property("NFileDescriptorStore")).toBe("50");
});

test("signals that come in the step are taken after it: reloads, and a stop", async () => {
  const unit = await startVersioned();
  const pid = await unit.mainPid();
  for (const version of ["1.1.0", "1.2.0", "1.3.0"]) {
    const done = upgradeTo(unit, version);
    await unit.log.next(new RegExp(`zerodown ${version} takes over`));
    const from = unit.log.count;
    // Some of them meet Node as it starts, which unblocks all signals before it can take any.
    const storm = setInterval(() => process.kill(pid, "SIGHUP"), 2);
    await done;
    clearInterval(storm);
    await unit.log.next(/serving: ready after/, from);
  }
  expect(await unit.mainPid()).toBe(pid);
  const last = upgrade(unit);
  await unit.log.next(/zerodown 1.3.0: zerodown 1.3.0 takes over/);
  process.kill(pid, "SIGTERM");
  await last;
  await eventually(async () => expect(await unit.property("ActiveState")).toBe("inactive"));
  expect(await unit.property("Result")).toBe("success");
  expect(unit.log.matching(/drained/).length).toBeGreaterThan(0);
});

test("a supervisor whose working directory is gone is upgraded, and starts the app where it was told to", async () => {
  const puppet = new Puppet({
    install: installVersioned,
    options: directory => `--working-directory ${directory}/current`,
    service: directory => [`WorkingDirectory=${directory}/1`],
  });
  const { unit } = puppet;
  const deploy = (release: string) => {
    mkdirSync(`${unit.directory}/${release}`);
    rmSync(`${unit.directory}/current`, { force: true });
    symlinkSync(release, `${unit.directory}/current`);
  };
  deploy("1");
  await unit.start();
  deploy("2");
  rmdirSync(`${unit.directory}/1`);
  await upgradeTo(unit, "1.1.0");
  // systemd itself could not start ExecReload= there.
  process.kill(await unit.mainPid(), "SIGHUP");
  expect(readlinkSync(`/proc/${await unit.serving(2)}/cwd`)).toBe(`${unit.directory}/2`);
});

test("an app of init() gets the version of its own package", async () => {
  const { unit, installed } = installInitApp();
  await unit.start();
  const before = await unitFacts(unit);
  installVersion(unit.directory, "1.1.0");
  rmSync(installed, { recursive: true });
  renameSync(`${unit.directory}/zerodown-1.1.0`, installed);
  expect(await upgrade(unit)).toEqual({ status: 0, said: [`${unit.service}: 1.0.0 → 1.1.0 (pid ${before.main})`] });
  await unit.reload();
  await unit.serving(2);
  expect(await unitFacts(unit)).toEqual(before);
});

test("a new version that is killed afterwards is restarted like any supervisor", async () => {
  const unit = await startVersioned("RestartSec=100ms");
  await upgradeTo(unit, "1.1.0");
  const changes = await unit.follow();
  process.kill(await unit.mainPid(), "SIGKILL");
  await changes.next(/^NRestarts=1/);
  await changes.next(/^ActiveState=active$/);
  expect(versionOf(unit)).toBe("1.1.0");
});

test("who watches goes on watching", async () => {
  const unit = await startVersioned();
  const { MAINPID: _, ...env } = process.env;
  const watch = spawn(ZERODOWN, ["status", "--user", "--json", "--watch", unit.service], { env });
  const lines = new Lines();
  watch.stdout.on("data", (data: Buffer) => lines.add(data.toString()));
  try {
    await lines.next(/"version":"1.0.0"/);
    await upgradeTo(unit, "1.1.0");
    await lines.next(/"version":"1.1.0"/);
    await unit.reload();
    await lines.next(/"number":2,[^{]*"state":"serving"/);
  } finally {
    watch.kill();
  }
});
