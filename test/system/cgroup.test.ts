// A cgroup for each generation, where a real systemd delegates that to the service.

import { execFileSync } from "node:child_process";
import { closeSync, existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { native, SOCK_DGRAM } from "../../src/native/index.js";
import { eventually } from "../support/eventually.js";
import { isAlive } from "../support/processes.js";
import { Puppet } from "../support/puppet.js";
import { ZERODOWN } from "../support/supervisor.js";
import { type App, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(removeUnits);

/** The template unit has Delegate=yes. */
async function start(app: Omit<App, "command"> = {}): Promise<Puppet> {
  const puppet = new Puppet(app);
  await puppet.unit.start();
  return puppet;
}

/** The directory of the unit's cgroup. */
async function unitCgroup(unit: TestUnit): Promise<string> {
  return `/sys/fs/cgroup${await unit.property("ControlGroup")}`;
}

function children(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && entry.name !== ".control")
    .map(({ name }) => name)
    .sort();
}

/** Below the unit's: "generation-1". */
async function cgroupOf(pid: number, unit: TestUnit): Promise<string> {
  const [, path] = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))!;
  return path!.slice((await unit.property("ControlGroup")).length + 1);
}

function status(unit: TestUnit): StatusFacts {
  return JSON.parse(execFileSync(ZERODOWN, ["status", "--user", "--json", unit.service], { encoding: "utf8" }));
}

/** The pid of the process three forks and two sessions away from the app. */
async function daemonize(puppet: Puppet, generation = 1): Promise<number> {
  const from = puppet.unit.log.count;
  await puppet.run("daemonize", generation);
  const line = await puppet.unit.log.next(new RegExp(`^${generation}> daemon \\d+$`), from);
  return Number(/\d+$/.exec(line)![0]);
}

describe("with Delegate=yes", () => {
  test("the supervisor and each generation have one; it goes with the generation", async () => {
    const puppet = await start();
    const { unit } = puppet;
    const directory = await unitCgroup(unit);
    expect(children(directory)).toEqual(["generation-1", "supervisor"]);
    expect(await cgroupOf(await unit.mainPid(), unit)).toBe("supervisor");
    expect(await cgroupOf(await puppet.waits(1), unit)).toBe("generation-1");
    expect(await cgroupOf(await daemonize(puppet), unit)).toBe("generation-1");
    await unit.reload();
    await unit.log.next(/generation 1 .* drained/);
    expect(children(directory)).toEqual(["generation-2", "supervisor"]);
    await unit.stop();
    expect(existsSync(directory)).toBe(false);
  });

  test("three levels of forks that daemonize and ignore every signal are gone after the drain limit, and nothing else is", async () => {
    const puppet = await start({ options: "--stop-timeout 500ms" });
    const { unit } = puppet;
    const [main, first, daemon] = [await unit.mainPid(), await puppet.waits(1), await daemonize(puppet)];
    await puppet.run("ignore");
    await unit.reload();
    const [second, other] = [await puppet.waits(2), await daemonize(puppet, 2)];
    expect([first, daemon].map(isAlive)).toEqual([true, true]);
    await unit.log.next(/generation 1 .* did not stop in time and was killed$/);
    expect([first, daemon].map(isAlive)).toEqual([false, false]);
    expect([main, second, other].map(isAlive)).toEqual([true, true, true]);
    expect(await unit.property("NRestarts")).toBe("0");
  });

  test("what a main process leaves behind ends with it, wherever it went", async () => {
    const puppet = await start();
    const daemon = await daemonize(puppet);
    await puppet.unit.reload();
    await puppet.unit.log.next(/generation 1 .* drained and exited with status 0$/);
    // Not sooner: a generation is gone when its cgroup is empty.
    expect(isAlive(daemon)).toBe(false);
  });

  test("what a candidate that failed leaves behind is gone when the reload has failed", async () => {
    const puppet = new Puppet({}, "--silent");
    const started = puppet.unit.start();
    await puppet.run("sh systemd-notify --ready");
    await started;
    const reload = puppet.unit.systemctl("reload", puppet.unit.service);
    const daemon = await daemonize(puppet, 2);
    await puppet.begin("exit 3", 2);
    expect((await reload).status).toBe(1);
    expect(isAlive(daemon)).toBe(false);
  });

  test("a process outside of it may not speak for the generation", async () => {
    const { unit } = await start();
    const socket = (await unit.log.next(/generation 1/)) && notifySocketOf(await unit.mainPid());
    const fd = native.connectUnix(SOCK_DGRAM, socket);
    native.send(fd, "STATUS=from outside", []);
    closeSync(fd);
    await unit.log.next(new RegExp(`a notification was dropped: from pid ${process.pid}, which is not in its cgroup$`));
    expect(await unit.property("StatusText")).not.toContain("outside");
  });

  test("status counts what is in it, daemons included", async () => {
    const puppet = await start();
    const daemon = await daemonize(puppet);
    const [generation] = status(puppet.unit).generations;
    expect(generation!.processes).toEqual([await puppet.waits(1), daemon]);
    expect(generation!.tasks).toBe(2);
    expect(generation!.memory).toBeGreaterThan(1e6);
    expect(generation!.cgroup).toBe(`${await puppet.unit.property("ControlGroup")}/generation-1`);
    const [, used] = /^usage_usec (\d+)$/m.exec(readFileSync(`/sys/fs/cgroup${generation!.cgroup}/cpu.stat`, "utf8"))!;
    expect(generation!.cpu).toBeGreaterThan(0);
    expect(generation!.cpu).toBeLessThanOrEqual(Number(used));
  });

  test("a frozen generation is replaced, and killed at its limit; the log says why it did nothing", async () => {
    const puppet = await start({ options: "--stop-timeout 500ms" });
    const { unit } = puppet;
    const [directory, pid] = [await unitCgroup(unit), await puppet.waits(1)];
    writeFileSync(`${directory}/generation-1/cgroup.freeze`, "1");
    await eventually(() =>
      expect(readFileSync(`${directory}/generation-1/cgroup.events`, "utf8")).toContain("frozen 1"),
    );
    await unit.reload();
    await unit.serving(2);
    await unit.log.next(/generation 1 .*: its cgroup is frozen, so that it could act on no signal$/);
    await unit.log.next(/generation 1 .* did not stop in time and was killed$/);
    expect(isAlive(pid)).toBe(false);
    expect(children(directory)).toEqual(["generation-2", "supervisor"]);
  });

  test("a generation's own cgroups, below its, go with it", async () => {
    const puppet = await start();
    const directory = await unitCgroup(puppet.unit);
    await puppet.run(
      `sh mkdir -p ${directory}/generation-1/a/b && echo $PPID > ${directory}/generation-1/a/b/cgroup.procs`,
    );
    await puppet.systemdNotify("--status=from below");
    expect(await puppet.unit.property("StatusText")).toContain("from below");
    await puppet.unit.reload();
    await puppet.unit.log.next(/generation 1 .* drained/);
    expect(children(directory)).toEqual(["generation-2", "supervisor"]);
  });

  test("what systemd left running of a killed supervisor keeps its cgroup, and the next one takes others", async () => {
    const puppet = await start({ service: ["KillMode=process", "RestartSec=100ms"] });
    const { unit } = puppet;
    await puppet.run("ignore");
    const [directory, pid] = [await unitCgroup(unit), await puppet.waits(1)];
    const changes = await unit.follow();
    process.kill(await unit.mainPid(), "SIGKILL");
    await changes.next(/^NRestarts=1$/);
    await changes.next(/^ActiveState=active$/);
    expect(isAlive(pid)).toBe(true);
    expect(children(directory)).toEqual(["generation-1", "generation-1.1", "supervisor"]);
    process.kill(pid, "SIGKILL");
    await eventually(() => expect(isAlive(pid)).toBe(false));
    process.kill(await unit.mainPid(), "SIGKILL");
    await changes.next(/^NRestarts=2$/);
    await eventually(() => expect(children(directory)).toEqual(["generation-1", "supervisor"]));
  });

  test("one whose cgroup somebody removed ends like any other", async () => {
    const puppet = await start();
    const { unit } = puppet;
    const [directory, main, pid] = [await unitCgroup(unit), await unit.mainPid(), await puppet.waits(1)];
    process.kill(main, "SIGSTOP");
    process.kill(pid, "SIGKILL");
    await eventually(() => rmdirSync(`${directory}/generation-1`));
    process.kill(main, "SIGCONT");
    await unit.serving(2);
    expect(unit.log.matching(/internal error/)).toEqual([]);
    expect(children(directory)).toEqual(["generation-2", "supervisor"]);
  });

  test("a supervisor inside a generation stays in that one's cgroup, and so does all that it starts", async () => {
    const puppet = new Puppet({ options: "--ready exec -- zerodown run" });
    const { unit } = puppet;
    await unit.start();
    expect(await cgroupOf(await puppet.waits(1), unit)).toBe("generation-1");
    expect(children(await unitCgroup(unit))).toEqual(["generation-1", "supervisor"]);
  });

  test("where cgroups can't be written the service runs without, and says why", async () => {
    // This does what ProtectControlGroups=yes does, because a manager in a chroot can't.
    const script = "mount -o remount,bind,ro /sys/fs/cgroup && exec zerodown run -- $$ZERODOWN_COMMAND";
    const puppet = await start({
      service: ["ExecStart=", `ExecStart=unshare --mount --propagation unchanged sh -c '${script}'`],
    });
    await puppet.unit.log.next(
      /^zerodown: the unit's cgroup can't be used \(EROFS: .*\): generations have process groups only$/,
    );
    await puppet.unit.reload();
    await puppet.unit.serving(2);
  });

  test("a generation that can't get one has a process group, and serves", async () => {
    const puppet = await start();
    const { unit } = puppet;
    // The third is for ExecReload=.
    writeFileSync(`${await unitCgroup(unit)}/cgroup.max.descendants`, "3");
    await unit.reload();
    await unit.log.next(/generation 2: it gets no cgroup, and has a process group only: EAGAIN: /);
    expect(await cgroupOf(await puppet.waits(2), unit)).toBe("supervisor");
    const [second] = status(unit).generations;
    expect(second).toMatchObject({ cgroup: null, processes: [await puppet.waits(2)] });
    await unit.log.next(/generation 1 .* drained/);
    await unit.reload();
    await unit.log.next(/generation 2 .* drained/);
    expect(await cgroupOf(await puppet.waits(3), unit)).toBe("generation-3");
  });

  test("controllers that systemd doesn't delegate are told once, and status adds up the processes", async () => {
    const puppet = await start();
    const controllers = readFileSync(`${await unitCgroup(puppet.unit)}/cgroup.controllers`, "utf8").split(/\s+/);
    const missing = ["memory", "pids"].filter(controller => !controllers.includes(controller));
    expect(puppet.unit.log.matching(/cgroups lack/)).toEqual(
      missing.length === 0
        ? []
        : [`zerodown: generations' cgroups lack the ${missing.join(" and ")} controller: systemd doesn't delegate it`],
    );
    expect(status(puppet.unit).generations[0]!.memory).toBeGreaterThan(1e6);
  });
});

describe("without Delegate=", () => {
  test("generations have process groups; a process that left its group goes on", async () => {
    // The daemon holds the sockets, for which it would be killed otherwise (see strays.test.ts).
    const puppet = await start({ service: ["Delegate=no"], options: "--kill-strays none" });
    const { unit } = puppet;
    expect(children(await unitCgroup(unit))).toEqual([]);
    const [daemon, sleeper] = [await daemonize(puppet), await sleeperOf(puppet)];
    await unit.reload();
    await unit.log.next(/generation 1 .* drained/);
    expect([daemon, sleeper].map(isAlive)).toEqual([true, false]);
    expect(status(unit).generations[0]).toMatchObject({ cgroup: null });
    // systemd must end the daemon.
    await unit.stop();
    expect(isAlive(daemon)).toBe(false);
  });
});

async function sleeperOf(puppet: Puppet): Promise<number> {
  await puppet.run("sh sleep 1000 & echo sleeper $!");
  return Number(/\d+/.exec(await puppet.unit.log.next(/^sleeper \d+$/))![0]);
}

function notifySocketOf(supervisor: number): string {
  const environment = readFileSync(`/proc/${supervisor}/environ`, "utf8").split("\0");
  const [, directory] = environment.map(line => /^RUNTIME_DIRECTORY=(.*)$/.exec(line)).find(Boolean)!;
  return `${directory}/zerodown-${supervisor}/notify-1`;
}
