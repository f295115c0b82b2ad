// Processes that hold a socket beyond their generation's end: they have left its cgroup, as a container does, or its process group.

import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { askOnce } from "../support/line-client.js";
import { isAlive } from "../support/processes.js";
import { APPS } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  await removeUnits();
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const RUNTIME = process.env.XDG_RUNTIME_DIR;
const KILLED = "killed";

/** A cgroup that is neither a generation's nor the unit's. */
function elsewhere(name = `elsewhere-${randomBytes(4).toString("hex")}.scope`): string {
  const [, own] = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))!;
  const path = `/sys/fs/cgroup${dirname(own!)}/${name}`;
  mkdirSync(path);
  cleanups.push(async () => {
    writeFileSync(`${path}/cgroup.kill`, "1");
    await eventually(() => rmdirSync(path));
  });
  return path;
}

/** A unit of test/apps/scripted.py, which does in each generation what `start` says. */
function install(start: string, { options = "", service = [] }: { options?: string; service?: string[] } = {}) {
  const path = `${RUNTIME}/stray-${randomBytes(4).toString("hex")}.sock`;
  const unit = installApp({
    command: directory => `/usr/bin/python3 ${APPS}scripted.py ${directory}`,
    options,
    service,
    socket: ["ListenStream=", `ListenStream=${path}`],
  });
  const script = (text: string) => writeFileSync(`${unit.directory}/start`, `${text}\n`);
  script(start);
  writeFileSync(`${unit.directory}/end`, "");
  return { unit, path, script };
}

/** The pid of what escaped from that generation. */
async function escaped(unit: TestUnit, generation: number): Promise<number> {
  const line = await unit.log.next(new RegExp(`^escaped \\d+ of generation ${generation}$`));
  return Number(/\d+/.exec(line)![0]);
}

/** How the log names it. */
function told(pid: number, path: string, origin: string, outcome: string): RegExp {
  return new RegExp(`process ${pid} \\(python3, in /\\S*\\) still holds stream ${path}, ${origin}: ${outcome}`);
}

const ended = (generation: number) => `though it is of generation ${generation}, which has ended`;

async function gone(pid: number): Promise<void> {
  await eventually(() => expect(isAlive(pid)).toBe(false));
}

test("one in another cgroup and session is named and killed when its generation has ended; the living one's is not", async () => {
  const { unit, path } = install(`escape("${elsewhere()}")`);
  await unit.start();
  const first = await escaped(unit, 1);
  await unit.reload();
  const second = await escaped(unit, 2);
  await unit.log.next(told(first, path, ended(1), KILLED));
  await gone(first);
  expect(isAlive(second)).toBe(true);
  const answers = await Promise.all(Array.from({ length: 20 }, () => askOnce({ path })));
  expect(answers.filter(answer => !/generation 2$/.test(answer))).toEqual([]);
  expect(unit.log.matching(/still holds/)).toHaveLength(1);
  // A stop leaves none behind either, which systemd's own kill doesn't reach.
  await unit.stop();
  await unit.log.next(told(second, path, ended(2), KILLED));
  await gone(second);
});

test("a candidate's, which was killed at its limit, doesn't answer on", async () => {
  const { unit, path, script } = install("", { options: "--start-timeout 1s" });
  await unit.start();
  script(`escape("${elsewhere()}")\nsignal.pause()`);
  expect(await unit.systemctl("reload", unit.service)).toMatchObject({ status: 1 });
  const stray = await escaped(unit, 2);
  await unit.log.next(told(stray, path, ended(2), KILLED));
  await gone(stray);
  expect(await askOnce({ path })).toMatch(/of generation 1$/);
});

test.each([
  ["its environment", `escape("")`, ended(1)],
  [
    "its age, for it has no such environment",
    `escape("", {})`,
    "though it is in this unit, and older than every generation.*",
  ],
])("without Delegate= one that left its process group is told by %s", async (_, start, origin) => {
  const { unit, path, script } = install(start, { service: ["Delegate=no"] });
  await unit.start();
  const stray = await escaped(unit, 1);
  script("");
  await unit.reload();
  await unit.log.next(told(stray, path, origin, KILLED));
  await gone(stray);
});

test("--kill-strays none only names it, and once", async () => {
  const { unit, path, script } = install(`escape("${elsewhere()}")`, { options: "--kill-strays none" });
  await unit.start();
  const stray = await escaped(unit, 1);
  script("");
  await unit.reload();
  const outcome = "it may go on answering clients \\(--kill-strays own would kill it\\)$";
  await unit.log.next(told(stray, path, ended(1), outcome));
  await unit.reload();
  await unit.log.next(/generation 2 .* drained/);
  await unit.stop();
  expect(unit.log.matching(/still holds/)).toHaveLength(1);
  expect(isAlive(stray)).toBe(true);
});

test("one that can't be told to be a generation's is named, and killed with --kill-strays all alone", async () => {
  const place = elsewhere();
  const { unit, path, script } = install(`escape("${place}", {})`);
  await unit.start();
  const stray = await escaped(unit, 1);
  script("");
  await unit.reload();
  const origin = "and it can't be told to be of a generation";
  const outcome = "it may go on answering clients \\(--kill-strays all would kill it\\)$";
  await unit.log.next(told(stray, path, origin, outcome));
  expect(isAlive(stray)).toBe(true);
  await unit.stop();
  const other = install(`escape("${place}", {})`, { options: "--kill-strays all" });
  await other.unit.start();
  const second = await escaped(other.unit, 1);
  other.script("");
  await other.unit.reload();
  await other.unit.log.next(told(second, other.path, origin, KILLED));
  await gone(second);
});

test("one of an earlier supervisor, which may still drain with KillMode=process, is named only", async () => {
  const service = ["Delegate=no", "KillMode=process", "Restart=no"];
  const { unit, path, script } = install(`escape("", {})`, { service });
  await unit.start();
  const stray = await escaped(unit, 1);
  script("");
  await unit.must("kill", "--kill-who=main", "--signal=KILL", unit.service);
  await unit.systemctl("reset-failed", unit.service);
  const from = unit.log.count;
  await unit.must("start", unit.service);
  await unit.reload();
  const outcome = "it may go on answering clients \\(--kill-strays all would kill it\\)$";
  await unit.log.next(told(stray, path, "and it can't be told to be of a generation", outcome), from);
  expect(isAlive(stray)).toBe(true);
  process.kill(stray, "SIGKILL");
});

test("systemd, and another service that the sockets are for, hold them untouched and untold, even with --kill-strays all", async () => {
  const { unit } = install("", { options: "--kill-strays all" });
  const other = `other-${randomBytes(4).toString("hex")}.service`;
  const wait = `/usr/bin/python3 -c "import signal; signal.pause()"`;
  unit.install(other, ["[Service]", `Sockets=${unit.socket}`, `ExecStart=${wait}`]);
  await unit.start();
  await unit.must("start", other);
  cleanups.push(() => unit.systemctl("stop", other));
  const sharer = Number(await unit.property("MainPID", other));
  const socket = readlinkSync(`/proc/${await unit.mainPid()}/fd/3`);
  // From systemd 254 on the process is systemd's own for a moment.
  await eventually(() => expect(readlinkSync(`/proc/${sharer}/fd/3`)).toBe(socket));
  await unit.reload();
  await unit.log.next(/generation 1 .* drained/);
  await unit.stop();
  expect(unit.log.matching(/still holds/)).toEqual([]);
  expect(isAlive(sharer)).toBe(true);
});
