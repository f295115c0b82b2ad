// A child finds itself in what systemd would have given it, seen from inside, but for what the contracts list
// ("What each child gets"). So the same unit runs the same program with and without zerodown.

import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { killSupervisors, ROOT, TestSupervisor, temporaryDirectory } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";

interface Description {
  arguments: string[];
  environment: string[];
  /** For each descriptor: its file, FD_CLOEXEC, the status flags. */
  descriptors: Record<string, [string, number, number]>;
  /** The signals that aren't at their default. */
  signals: Record<string, string>;
  limits: Record<string, string>;
  status: Record<string, string>;
  directory: string;
  deathSignal: number;
  nice: number;
  pid: number;
  parent: number;
  group: number;
  session: number;
}

const directory = temporaryDirectory();
const PROGRAM = `${ROOT}build/test/apps/describe-self`;
const REPORT = `${directory.path}/report`;
const FIFO = `${directory.path}/fifo`;
const RLIMIT_NOFILE = "7";

beforeAll(() => {
  execFileSync("mkfifo", [FIFO]);
});
afterEach(async () => {
  await removeUnits();
  await killSupervisors();
});
afterAll(directory.remove);

const report = (): Description => JSON.parse(readFileSync(REPORT, "utf8"));

/** The environment, with the process's own pid as "own". */
function variables({ environment, pid }: Description): Record<string, string> {
  const pairs = environment.map(assignment => /^([^=]*)=(.*)$/s.exec(assignment)!.slice(1) as [string, string]);
  return Object.fromEntries(pairs.map(([name, value]) => [name, value === String(pid) ? "own" : value]));
}

/** Leaves out what differs from run to run. */
function stable(description: Description) {
  const { pid, parent, session, environment, status, ...rest } = description;
  const { INVOCATION_ID, NOTIFY_SOCKET, ...others } = variables(description);
  // FDSize: the room in the kernel's table, which whoever forked it had some use for once.
  const changing = /^(State|Tgid|Ngid|Pid|PPid|TracerPid|FDSize|SigQ|NS.*|Vm.*|Rss.*|.*ctxt_switches|SigIgn)$/;
  return {
    ...rest,
    group: rest.group === pid ? "own" : "another's",
    variables: others,
    status: Object.fromEntries(Object.entries(status).filter(([name]) => !changing.test(name))),
  };
}

test("environment, descriptors, signals, limits and all else are as systemd gives them, but for what is listed", async () => {
  // systemd couldn't open the FIFO to write without somebody who reads.
  const reader = openSync(FIFO, constants.O_RDONLY | constants.O_NONBLOCK);
  const unit = installApp({
    command: `${PROGRAM} ${REPORT} 'two words'`,
    service: [
      `StandardOutput=append:${FIFO}`,
      "WorkingDirectory=/usr/share",
      // This is for the app alone: Node itself would not start with it.
      "Environment=NODE_OPTIONS=--require=/nonexistent 'BLANKS= two  words ' EMPTY= \"LINES=a\\nb\" PWD=/nowhere",
      "WatchdogSec=1h",
      "LimitNOFILE=1000:2000",
      "LimitCORE=1M:2M",
      "LimitSTACK=4M:16M",
      "UMask=0027",
      "Nice=3",
    ],
  });
  await unit.start();
  const through = report();
  const supervisor = await unit.mainPid();
  await unit.stop();
  unit.install(`${unit.service}.d/without.conf`, [
    "[Service]",
    "ExecStart=",
    `ExecStart=${PROGRAM} ${REPORT} "two words"`,
  ]);
  await unit.start();
  const direct = report();
  closeSync(reader);

  // The comparison must be about something:
  expect(direct.pid).toBe(await unit.mainPid());
  expect(direct.limits[RLIMIT_NOFILE]).toBe("1000:2000");
  expect(direct.signals).toEqual({ "Broken pipe": "ignored" });
  expect(Object.keys(direct.descriptors)).toEqual(["0", "1", "2", "3"]);
  expect(variables(direct)).toMatchObject({
    LISTEN_FDS: "1",
    LISTEN_FDNAMES: unit.name.split("@")[1],
    LISTEN_PID: "own",
    SYSTEMD_EXEC_PID: "own",
    WATCHDOG_PID: "own",
    WATCHDOG_USEC: "3600000000",
    NODE_OPTIONS: "--require=/nonexistent",
  });

  const expected = stable(direct);
  // Since 259, and of the process that systemd itself starts.
  const { LISTEN_PIDFDID: _, ...others } = expected.variables;
  expect(stable(through)).toEqual({
    ...expected,
    deathSignal: 2,
    variables: { ...others, ZERODOWN_GENERATION: "1", ZERODOWN_SUPERVISOR_PID: String(supervisor) },
  });
  expect(through.parent).toBe(supervisor);
  expect(variables(through).NOTIFY_SOCKET).toBe(
    `${variables(through).RUNTIME_DIRECTORY}/zerodown-${supervisor}/notify-1`,
  );
});

test("without sockets, a child finds no LISTEN_ variables, and no descriptor above 2", async () => {
  const supervisor = new TestSupervisor(["--", PROGRAM, REPORT], {
    env: { LISTEN_FDS: "2", LISTEN_PID: "1", LISTEN_FDNAMES: "a:b", LISTEN_PIDFDID: "5" },
  });
  await supervisor.serving(1);
  const description = report();
  expect(Object.keys(variables(description)).filter(name => name.startsWith("LISTEN_"))).toEqual([]);
  expect(Object.keys(description.descriptors)).toEqual(["0", "1", "2"]);
});

test("SIGPIPE is not ignored where it wasn't before: in a shell, and with IgnoreSIGPIPE=no", async () => {
  await new TestSupervisor(["--", PROGRAM, REPORT]).serving(1);
  expect(report().signals).toEqual({});
  const unit = installApp({ command: `${PROGRAM} ${REPORT}`, service: ["IgnoreSIGPIPE=no"] });
  await unit.start();
  expect(report().signals).toEqual({});
});
