// The supervisor's own directory: how long the names in it may be, whose it is, and which of several is whose.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { locateControl } from "../../src/control/locate.js";
import { killSupervisors, TestSupervisor, temporaryDirectory, ZERODOWN } from "../support/supervisor.js";
import { TestProcess } from "../support/test-process.js";
import { command, installUnits, removeUnits, systemctl } from "../support/user-manager.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
const namespaces: TestProcess[] = [];
afterEach(async () => {
  for (const process of namespaces) process.signal("SIGKILL");
  await Promise.all(namespaces.splice(0).map(({ ended }) => ended));
  await killSupervisors();
  removeUnits();
  directory.remove();
});

/** Says where it may notify, and is ready. */
const APP = ["--ready", "exec", "--", "sh", "-c", "echo at $NOTIFY_SOCKET >&2; exec sleep infinity"];

/** A directory whose path has that many bytes. */
function place(bytes: number): string {
  const path = `${directory.path}/${"x".repeat(bytes - directory.path.length - 1)}`;
  mkdirSync(path);
  return path;
}

test("with the longest path that is taken, reloads work beyond the 9th", async () => {
  // A pid of 7 digits and a generation of 6 must have room beside it.
  const run = place(107 - "/zerodown-4194304/notify-999999".length);
  const supervisor = new TestSupervisor(APP, { env: { RUNTIME_DIRECTORY: run } });
  await supervisor.serving(1);
  for (let generation = 2; generation <= 11; generation++) expect(await supervisor.reload()).toMatch(/ serving: /);
  await supervisor.log.next(new RegExp(`^at ${run}/zerodown-${supervisor.pid}/notify-11$`));
  expect(supervisor.log.matching(/Linux takes 107/)).toEqual([]);
});

test("in one whose path is a byte longer no socket is made: the next place is taken, and the log says so", async () => {
  const run = place(107 - "/zerodown-4194304/notify-999999".length + 1);
  const next = `${directory.path}/next`;
  mkdirSync(next);
  const env = { RUNTIME_DIRECTORY: run, XDG_RUNTIME_DIR: next };
  const supervisor = new TestSupervisor(APP, { env });
  await supervisor.serving(1);
  await supervisor.log.next(new RegExp(`^at ${next}/zerodown-${supervisor.pid}/notify-1$`));
  const used = `${next}/zerodown-${supervisor.pid}`;
  expect(supervisor.log.lines[0]).toBe(
    `zerodown: paths of zerodown's sockets would have up to 108 bytes in ${run}, and Linux takes 107; ${used} is used, and a shorter RuntimeDirectory= would spare that`,
  );
  expect(locateControl(supervisor.pid)).toBe(`${next}/zerodown-${supervisor.pid}/control`);
});

test("where a unit's instance has a colon in its name, each has the directory that systemd made for it", async () => {
  const name = `zd${process.pid}`;
  const run = `${process.env.XDG_RUNTIME_DIR}/${name}`;
  const lines = ["Type=notify", "NotifyAccess=exec", "RuntimeDirectory=%p@%i", "KillMode=mixed"];
  const start = `ExecStart=${ZERODOWN} run --ready exec -- /usr/bin/sleep infinity`;
  installUnits({
    [`${name}@.service`]: ["[Service]", ...lines, start, ""].join("\n"),
  });
  const units = [`${name}@api.service`, `${name}@api:8080.service`] as const;
  try {
    for (const unit of units) expect(systemctl("start", unit)).toMatchObject({ status: 0, stderr: "" });
    const [, second] = units.map(unit => systemctl("show", "--value", "--property=MainPID", unit).stdout.trim());
    const own = `${run}@api:8080/zerodown-${second}`;
    expect(readdirSync(own).sort()).toEqual(["control", "notify-1"]);
    systemctl("stop", units[0]);
    expect(readdirSync(own).sort()).toEqual(["control", "notify-1"]);
    expect(command(ZERODOWN, "reload", "--pid", second!)).toMatchObject({ status: 0 });
  } finally {
    systemctl("stop", ...units);
  }
});

/** A supervisor that is pid 1 in a pid namespace of its own, as in a container. */
async function inContainer(...args: readonly string[]): Promise<TestProcess> {
  const own = ["--pid", "--fork", "--mount-proc", "--kill-child", ZERODOWN, "run", ...args];
  const container = new TestProcess("unshare", own, { env: { RUNTIME_DIRECTORY: `${directory.path}/volume` } });
  namespaces.push(container);
  await container.errors.next(/generation 1 \(pid \d+\) serving/);
  return container;
}

/** Runs a command in the container's namespaces. */
function enter(container: TestProcess, ...args: readonly string[]) {
  const [pid] = readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, "utf8").split(" ");
  return command("nsenter", "--target", pid!, "--pid", "--mount", "--root", "--wd", ...args);
}

test("two supervisors with one pid in one directory: each has its own, and a command finds the one that it is for", async () => {
  const volume = `${directory.path}/volume`;
  mkdirSync(volume);
  const first = await inContainer("--stop-signal", "TERM", ...APP);
  const second = await inContainer("--stop-signal", "TERM", ...APP);
  const names = readdirSync(volume).sort();
  expect(names).toEqual(["zerodown-1", expect.stringMatching(/^zerodown-1\.\w{6}$/)]);
  for (const name of names) expect(readdirSync(`${volume}/${name}`).sort()).toEqual(["control", "notify-1"]);
  for (const container of [second, first]) {
    const reload = enter(container, ZERODOWN, "reload", "--pid", "1");
    expect(reload).toMatchObject({ status: 0, stderr: "" });
    await container.errors.next(/generation 2 \(pid \d+\) serving/);
  }
  for (const container of [first, second]) expect(container.errors.matching(/generation 3/)).toEqual([]);
  // The next supervisor takes over the directory of one that was killed; the one that lives keeps its own.
  first.signal("SIGKILL");
  await first.ended;
  await inContainer(...APP);
  expect(readdirSync(volume).sort()).toEqual(names);
  expect(enter(second, ZERODOWN, "reload", "--pid", "1")).toMatchObject({ status: 0, stderr: "" });
});

test.each([
  ["a link", 'ln -s "$1" "$RUNTIME_DIRECTORY/zerodown-$$"'],
  ["another user's", 'mv "$1" "$RUNTIME_DIRECTORY/zerodown-$$" && chown -R 65534 "$RUNTIME_DIRECTORY/zerodown-$$"'],
])(
  "what has the runtime directory's name and is %s is left alone: another name is taken, and found",
  async (_, squat) => {
    const [victim, run] = [`${directory.path}/victim`, `${directory.path}/run`];
    mkdirSync(victim);
    writeFileSync(`${victim}/control`, "precious");
    mkdirSync(run);
    const script = `${squat}; exec "$0" run --ready exec -- sleep infinity`;
    const squatted = new TestProcess("sh", ["-c", script, ZERODOWN, victim], { env: { RUNTIME_DIRECTORY: run } });
    namespaces.push(squatted);
    await squatted.errors.next(/generation 1 \(pid \d+\) serving/);
    const usual = `zerodown-${squatted.pid}`;
    const [other, ...more] = readdirSync(run).filter(name => name !== usual);
    expect(more).toEqual([]);
    expect(locateControl(squatted.pid)).toBe(`${run}/${other}/control`);
    squatted.signal("SIGTERM");
    expect(await squatted.ended).toEqual({ status: 0, signal: null });
    expect(readdirSync(run)).toEqual([usual]);
    expect(readFileSync(`${run}/${usual}/control`, "utf8")).toBe("precious");
  },
);
