// zerodown status UNIT, with units of a real systemd.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { killCommands, type Result, TestCommand, zerodown } from "../support/command.js";
import { temporaryDirectory, ZERODOWN } from "../support/supervisor.js";

/** With a file "broken" it can't start. It waits to be ready until somebody writes to "slow", if that is there; to end, to "fifo". */
const APP = `
[ ! -e broken ] || exit 3
[ ! -e slow ] || read < slow
trap 'read < fifo; exit 0' INT
echo >&$ZERODOWN_READY_FD
while :; do sleep infinity & wait; done
`;

let count = 0;
const units: TestUnit[] = [];
afterEach(async () => {
  await killCommands();
  for (const unit of units.splice(0)) unit.remove();
});

/** A service of our own, in a directory of its own. */
class TestUnit {
  readonly name = `zerodown-status-${process.pid}-${++count}.service`;
  private readonly directory = temporaryDirectory();
  private readonly file = `${process.env.XDG_CONFIG_HOME}/systemd/user/${this.name}`;

  constructor(command = `${ZERODOWN} run --ready fd --working-directory %D -- bash app.sh`, settings = "") {
    units.push(this);
    this.write("app.sh", APP);
    this.hold("fifo");
    const start = command.replace("%D", this.directory.path);
    writeFileSync(
      this.file,
      `[Service]\nType=notify\nExecStart=${start}\nExecReload=${ZERODOWN} reload\nKillMode=mixed\nTimeoutStartSec=77\n${settings}`,
    );
    systemctl("daemon-reload");
  }

  get mainPid(): number {
    return Number(systemctl("show", "--property=MainPID", "--value", this.name));
  }

  write(file: string, text = ""): void {
    writeFileSync(`${this.directory.path}/${file}`, text);
  }

  /** Changes the unit's file, as an editor does. */
  edit(from: string, to: string): void {
    writeFileSync(this.file, readFileSync(this.file, "utf8").replace(from, to));
  }

  delete(file: string): void {
    rmSync(`${this.directory.path}/${file}`);
  }

  /** Whoever reads from that waits until its release. */
  hold(fifo: string): void {
    execFileSync("mkfifo", [`${this.directory.path}/${fifo}`]);
  }

  /** Lets those that wait go on; without a name, those that drain. */
  release(fifo = "fifo"): void {
    this.write(fifo, "\n");
  }

  remove(): void {
    spawnSync("systemctl", ["--user", "kill", "--signal=SIGKILL", this.name]);
    spawnSync("systemctl", ["--user", "stop", this.name]);
    spawnSync("systemctl", ["--user", "reset-failed", this.name]);
    rmSync(this.file);
    this.directory.remove();
  }
}

function systemctl(...args: readonly string[]): string {
  return execFileSync("systemctl", ["--user", ...args], { encoding: "utf8" }).trim();
}

const status = (...args: readonly string[]): Promise<Result> => zerodown(["status", "--user", ...args]);

function parse(line: string): StatusFacts {
  return JSON.parse(line);
}

test("it shows the unit as systemd sees it, above its supervisor's generations", async () => {
  const unit = new TestUnit();
  systemctl("start", unit.name);
  const { status: exitStatus, stdout, stderr } = await status(unit.name);
  expect({ exitStatus, stderr }).toEqual({ exitStatus: 0, stderr: "" });
  const lines = stdout.split("\n");
  expect(lines[0]).toMatch(/^zerodown \S+ \(pid \d+\): Generation 1 \(pid \d+\) serving$/);
  expect(lines[1]).toBe(
    `${unit.name}: active (running), MainPID=${unit.mainPid}, NRestarts=0, TimeoutStartUSec=1min 17s, TimeoutStopUSec=1min 30s`,
  );
  expect(stdout).toMatch(/^ +1 {2}serving /m);
});

test("--json has systemd's own values, and the suffix of a unit's name may be left out", async () => {
  const unit = new TestUnit(undefined, "TimeoutStopSec=infinity\n");
  systemctl("start", unit.name);
  const { stdout } = await status("--json", unit.name.replace(".service", ""));
  expect(parse(stdout)).toMatchObject({
    supervisor: { pid: unit.mainPid },
    unit: {
      Id: unit.name,
      LoadState: "loaded",
      ActiveState: "active",
      SubState: "running",
      Result: "success",
      ReloadResult: "success",
      MainPID: unit.mainPid,
      NRestarts: 0,
      TimeoutStartUSec: 77e6,
      TimeoutStopUSec: null,
      StatusText: expect.stringMatching(/^Generation 1 \(pid \d+\) serving$/),
    },
  });
});

test("after a reload that failed the unit's ReloadResult and the candidate's end are there", async () => {
  const unit = new TestUnit();
  systemctl("start", unit.name);
  unit.write("broken");
  expect(spawnSync("systemctl", ["--user", "reload", unit.name]).status).not.toBe(0);
  const { status: exitStatus, stdout } = await status(unit.name);
  expect(exitStatus).toBe(0);
  expect(stdout).toContain(`${unit.name}: active (running), ReloadResult=exit-code, MainPID=${unit.mainPid}, `);
  expect(stdout).toMatch(/^ +2 {2}ended +\d+ .* ago, after .*: exited with status 3 before it was ready$/m);
  expect(stdout).toMatch(/^ +1 {2}serving /m);
});

test("--watch tells of what only systemd knows: the reload is over", async () => {
  const unit = new TestUnit();
  systemctl("start", unit.name);
  const command = new TestCommand(ZERODOWN, ["status", "--user", "--watch", "--json", unit.name]);
  await command.output.next(/"serving"/);
  unit.hold("slow");
  systemctl("reload", "--no-block", unit.name);
  await command.output.next(/"ActiveState":"reloading"/);
  // Generation 1 drains until it is released: the supervisor has nothing to tell when ExecReload= is over.
  unit.release("slow");
  const last = await command.output.next(
    /"ActiveState":"active".*"number":2,"state":"serving".*"number":1,"state":"draining"/,
  );
  expect(parse(last).generations).toMatchObject([
    { number: 2, state: "serving" },
    { number: 1, state: "draining" },
  ]);
  unit.release();
  await command.output.next(/"ActiveState":"active".*"number":1,"state":"ended"/);
  command.signal("SIGINT");
  expect(await command.ended).toMatchObject({ status: 0, stderr: "" });
});

test("--watch ends when the unit stops", async () => {
  const unit = new TestUnit();
  systemctl("start", unit.name);
  const pid = unit.mainPid;
  const command = new TestCommand(ZERODOWN, ["status", "--user", "--watch", "--json", unit.name]);
  await command.output.next(/"serving"/);
  systemctl("kill", "--signal=SIGKILL", unit.name);
  expect(await command.ended).toMatchObject({
    status: 69,
    stderr: `zerodown: the supervisor (pid ${pid}) went away\n`,
  });
});

test("in the unit itself, as its MAINPID says, nothing need be named", async () => {
  const unit = new TestUnit();
  systemctl("start", unit.name);
  const { stdout } = await zerodown(["status", "--json"], { env: { ...process.env, MAINPID: String(unit.mainPid) } });
  expect(parse(stdout)).toMatchObject({ unit: null, supervisor: { pid: unit.mainPid } });
});

test("a unit that was stopped: its state, exit status 3", async () => {
  const unit = new TestUnit();
  for (const options of [[], ["--watch"]]) {
    const { status: exitStatus, stdout, stderr } = await status(...options, unit.name);
    expect({ exitStatus, stderr }).toEqual({ exitStatus: 3, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^${unit.name}: inactive \\(dead\\), MainPID=0, .*\\n$`));
  }
});

test("a unit that failed: its result and what its supervisor said last, exit status 3", async () => {
  const unit = new TestUnit();
  unit.write("broken");
  expect(spawnSync("systemctl", ["--user", "start", unit.name]).status).toBe(1);
  const { status: exitStatus, stdout, stderr } = await status(unit.name);
  expect({ exitStatus, stderr }).toEqual({ exitStatus: 3, stderr: "" });
  const [first, second] = stdout.split("\n");
  expect(first).toMatch(new RegExp(`^${unit.name}: failed \\(failed\\), Result=exit-code, MainPID=0, `));
  expect(second).toBe("  Start failed: generation 1 exited with status 3 before it was ready");

  const json = await status("--json", unit.name);
  expect(json.status).toBe(3);
  expect(parse(json.stdout)).toMatchObject({
    unit: { ActiveState: "failed", Result: "exit-code" },
    supervisor: null,
    now: null,
    sockets: [],
    generations: [],
  });
});

/** @param shown what is known of the unit all the same */
async function expectError(result: Promise<Result>, line: RegExp, shown = /^$/): Promise<void> {
  const { status: exitStatus, stdout, stderr } = await result;
  expect(stderr).toMatch(/^zerodown: .*\n$/);
  expect(stderr).toMatch(line);
  expect(stdout).toMatch(shown);
  expect(exitStatus).toBe(69);
}

test("no such unit", async () => {
  await expectError(status("zerodown-none"), /there is no unit zerodown-none\.service/);
});

test("a unit's name that can't be one", async () => {
  await expectError(status("a b/c"), /not valid/);
});

test("a unit that isn't ours", async () => {
  const unit = new TestUnit("sleep infinity", "Type=exec\n");
  systemctl("start", unit.name);
  await expectError(
    status(unit.name),
    /: sleep \(pid \d+\) has no control socket.*zerodown\?$/m,
    /^\S+: active \(running\), MainPID=\d+.*\n$/,
  );
});

test("a unit that has no main process by its nature", async () => {
  await expectError(
    status("basic.target"),
    /basic\.target is active: it has no main process/,
    /^basic\.target: active \(active\), MainPID=0.*\n$/,
  );
});

test("without $XDG_RUNTIME_DIR the bus is looked for where logind puts it", async () => {
  const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined };
  await expectError(
    zerodown(["status", "--user", "zerodown-none"], { env }),
    /there is no unit zerodown-none\.service|\/run\/user\/\d+\/bus/,
  );
});

test("no bus", async () => {
  const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" };
  await expectError(zerodown(["status", "--user", "a.service"], { env }), /the user bus can't be reached/);
});

test("options that were changed: first systemd is to read them, then a restart takes them, which a reload doesn't", async () => {
  const unit = new TestUnit();
  systemctl("start", unit.name);
  const ask = async (command: "status" | "check") => (await zerodown([command, "--user", unit.name])).stdout;
  expect(await ask("status")).not.toMatch(/restart|daemon-reload/);
  unit.edit("--ready fd", "--ready fd --settle 1ms");
  expect(await ask("status")).toMatch(/^ {2}its files have changed since systemd read them: daemon-reload$/m);
  systemctl("daemon-reload");
  systemctl("reload", unit.name);
  unit.release();
  expect(await ask("status")).toMatch(/^ {2}ExecStart= has changed since it was started, and takes a restart$/m);
  expect(await ask("check")).toMatch(/^note +ExecStart=.*\n.*these take systemctl --user restart zerodown-status-/m);
  const restarted = new TestCommand("systemctl", ["--user", "restart", unit.name]).ended;
  unit.release();
  await restarted;
  expect(await ask("status")).not.toMatch(/restart|daemon-reload/);
});
