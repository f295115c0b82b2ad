import { expect, test } from "@jest/globals";
import type { GenerationFacts, StatusFacts, UnitView } from "../../../src/cli/status/facts.js";
import { formatStatus } from "../../../src/cli/status/text.js";
import { textWidth } from "../../../src/cli/status/text-width.js";
import type { Paint } from "../../../src/cli/terminal.js";

const SECOND = 1e6;
const NOW = 100_000 * SECOND;

const SERVING: GenerationFacts = {
  number: 2,
  state: "serving",
  pid: 901,
  startedAt: NOW - 5 * SECOND,
  endedAt: null,
  status: "12 jobs waiting",
  end: null,
  outcome: null,
  cgroup: null,
  release: null,
  processes: [901, 902],
  tasks: 13,
  memory: 54_630_000,
  cpu: 320_000,
  openSockets: 3,
};
const DRAINING: GenerationFacts = {
  ...SERVING,
  number: 1,
  state: "draining",
  pid: 81,
  startedAt: NOW - 93_784 * SECOND,
  status: "",
  processes: [81],
  tasks: 1,
  memory: 1_610_612_736,
  cpu: 3_723 * SECOND,
  openSockets: null,
};
const ENDED: GenerationFacts = {
  ...SERVING,
  number: 3,
  state: "ended",
  pid: 990,
  startedAt: NOW - 61 * SECOND,
  endedAt: NOW - 60.935 * SECOND,
  status: "",
  end: "exited with status 1 before it was ready",
  processes: null,
  tasks: null,
  memory: null,
  cpu: null,
  openSockets: null,
};
const UNIT: UnitView = {
  Id: "app.service",
  LoadState: "loaded",
  ActiveState: "active",
  SubState: "running",
  Result: "success",
  ReloadResult: "success",
  StatusText: "Generation 2 (pid 901) serving",
  MainPID: 800,
  NRestarts: 0,
  TimeoutStartUSec: 90 * SECOND,
  TimeoutStopUSec: null,
};
const FACTS: StatusFacts = {
  unit: null,
  supervisor: { pid: 800, version: "0.1.0", status: "Generation 2 (pid 901) serving" },
  now: NOW,
  sockets: [{ fd: 3, name: "web", address: "stream [::]:8080" }],
  foreignSockets: [],
  releasePaths: null,
  generations: [SERVING],
};

const plain: Paint = text => text;

function format(facts: Partial<StatusFacts>, width = Number.POSITIVE_INFINITY, paint = plain): string[] {
  return formatStatus({ ...FACTS, ...facts }, { width, paint });
}

test("all that there is to tell, in a table whose columns stand below each other", () => {
  const generations = [ENDED, SERVING, DRAINING];
  const sockets = [...FACTS.sockets, { fd: 10, name: "state", address: "/memfd:state (deleted)", stored: true }];
  expect(format({ unit: UNIT, sockets, generations })).toEqual([
    "zerodown 0.1.0 (pid 800): Generation 2 (pid 901) serving",
    "app.service: active (running), MainPID=800, NRestarts=0, TimeoutStartUSec=1min 30s, TimeoutStopUSec=infinity",
    "",
    "FD  NAME   ADDRESS",
    " 3  web    stream [::]:8080",
    "10  state  /memfd:state (deleted) (stored)",
    "",
    "GEN  STATE     PID    AGE  MEMORY      CPU  PROCS  TASKS  SOCKETS  STATUS",
    "  3  ended     990  1min 1s ago, after 65ms: exited with status 1 before it was ready",
    "  2  serving   901     5s   52.1M    320ms      2     13        3  12 jobs waiting",
    "  1  draining   81  1d 2h    1.5G  1h 2min      1      1        -",
  ]);
});

test("on a terminal no line is wider than it, and the ends of long cells are cut", () => {
  const generations = [ENDED, { ...SERVING, status: "日本語 and more of it, which will not fit" }, DRAINING];
  for (const width of [1, 10, 40, 60, 80, 100]) {
    for (const line of format({ unit: UNIT, generations }, width)) expect(textWidth(line)).toBeLessThanOrEqual(width);
  }
  expect(format({ generations }, 79).slice(-3)).toEqual([
    "  3  ended     990  1min 1s ago, after 65ms: exited with status 1 before it wa…",
    "  2  serving   901     5s   52.1M    320ms      2     13        3  日本語 and …",
    "  1  draining   81  1d 2h    1.5G  1h 2min      1      1        -",
  ]);
});

test("a unit that isn't what was started, or read, is told of below its line", () => {
  const unit = { ...UNIT, NeedDaemonReload: true, ExecStartChanged: true } as const;
  expect(format({ unit }).slice(2, 5)).toEqual([
    "  its files have changed since systemd read them: daemon-reload",
    "  ExecStart= has changed since it was started, and takes a restart",
    "",
  ]);
});

test("what the supervisor says and the unit's view are not cut but go on in further lines", () => {
  const status =
    "Reload failed: generation 3 exited with status 1 before it was ready. Generation 2 (pid 901) still serving";
  const failed = { ...UNIT, ReloadResult: "exit-code" };
  expect(format({ unit: failed, supervisor: { pid: 800, version: "0.1.0", status } }, 70).slice(0, 5)).toEqual([
    "zerodown 0.1.0 (pid 800): Reload failed: generation 3 exited with",
    "  status 1 before it was ready. Generation 2 (pid 901) still serving",
    "app.service: active (running), ReloadResult=exit-code, MainPID=800",
    "  NRestarts=0, TimeoutStartUSec=1min 30s, TimeoutStopUSec=infinity",
    "",
  ]);
});

test("systemd's ReloadResult= of an earlier failure is told apart from what has served since: by a rollback, say", () => {
  const unit = { ...UNIT, ReloadResult: "exit-code" };
  const failure = { ...ENDED, outcome: { kind: "exit", state: "starting", status: 1 } } as const;
  const line = (generations: readonly GenerationFacts[]) =>
    format({ unit, generations })
      .find(text => text.startsWith("app.service"))
      ?.replace(/, MainPID.*/, "");
  const before = "app.service: active (running), ReloadResult=exit-code";
  const after = `${before} (generation 3's; since then generation 4 has begun to serve)`;
  const newer = { ...SERVING, number: 4 };
  expect([line([failure, SERVING]), line([newer, failure])]).toEqual([before, after]);
  // It was ended by a dry run, or while it drained: that is no reload's failure.
  expect(line([newer, { ...failure, trial: true }])).toBe(before);
  expect(line([newer, { ...failure, outcome: { ...failure.outcome, state: "draining" } }])).toBe(before);
});

test("of a unit that isn't running there are its state, its result and its last words", () => {
  const unit = {
    ...UNIT,
    ActiveState: "failed",
    SubState: "failed",
    Result: "exit-code",
    MainPID: 0,
    NRestarts: 5,
    StatusText: "Start failed: generation 1 exited with status 3",
  };
  expect(format({ unit, supervisor: null, now: null, sockets: [], generations: [] }, 80)).toEqual([
    "app.service: failed (failed), Result=exit-code, MainPID=0, NRestarts=5",
    "  TimeoutStartUSec=1min 30s, TimeoutStopUSec=infinity",
    "  Start failed: generation 1 exited with status 3",
  ]);
});

test("a unit that systemd can't load says so", () => {
  const unit = { ...UNIT, LoadState: "bad-setting", ActiveState: "inactive", SubState: "dead", StatusText: "" };
  expect(format({ unit, supervisor: null, now: null })[0]).toMatch(
    /^app.service: inactive \(dead\), LoadState=bad-setting, /,
  );
});

test("an ended generation's last STATUS= stands behind its end", () => {
  expect(format({ generations: [{ ...ENDED, status: "reading the index" }] }).at(-1)).toMatch(
    /exited with status 1 before it was ready; its last status: reading the index$/,
  );
});

test("a last STATUS= that is told as the reason is told once", () => {
  const end = "exited with status 1 before it was ready (its last status: a)";
  const outcome = { kind: "exit", state: "starting", status: 1, lastStatus: "a" } as const;
  expect(format({ generations: [{ ...ENDED, status: "a", end, outcome }] }).at(-1)).toMatch(/: a\)$/);
  expect(format({ generations: [{ ...ENDED, status: "b", end, outcome }] }).at(-1)).toMatch(
    /: a\); its last status: b$/,
  );
});

test("what isn't known is a dash: a candidate without a pid, processes that /proc doesn't show", () => {
  const unknown = { processes: null, tasks: null, memory: null, cpu: null, openSockets: null };
  const candidate: GenerationFacts = { ...SERVING, ...unknown, state: "starting", pid: null, status: "" };
  expect(format({ generations: [candidate] }).at(-1)).toMatch(/^ +2 +starting +- +5s +- +- +- +- +-$/);
});

test("of one that boots with less of the CPU, that is said beside its own status", () => {
  const candidate: GenerationFacts = { ...SERVING, state: "starting", status: "loading", weight: 10 };
  expect(format({ generations: [candidate] }).at(-1)).toMatch(/ loading; cpu\.weight 10 until it is ready$/);
});

test("accept queues: who has which, what waits in each, and who else listens there", () => {
  const address = "stream 127.0.0.1:8080";
  const sockets = [
    { fd: 3, name: "web", address, queue: 0, waiting: 0 },
    { fd: 3, name: "web", address, queue: 1, waiting: 12 },
    { fd: 4, name: "log", address: "datagram /run/log" },
  ];
  const worker = { ...SERVING, state: "serving" as const, restarts: 0, last: null };
  const workers = [
    // In the order in which they were started.
    { ...worker, slot: 1, queues: [1], pid: 902 },
    { ...worker, slot: 0, queues: [0], status: "" },
  ];
  const foreignSockets = [
    { address, holders: [{ pid: 77, name: "nc" }] },
    { address, holders: [] },
  ];
  expect(format({ sockets, foreignSockets, generations: [ENDED, { ...SERVING, workers }] }).slice(2)).toEqual([
    "FD  NAME  QUEUE  WAITING  ADDRESS",
    " 3  web       0        0  stream 127.0.0.1:8080",
    " 3  web       1       12  stream 127.0.0.1:8080",
    " 4  log       -        -  datagram /run/log",
    "stream 127.0.0.1:8080: process 77 (nc) listens there, too, and gets a share of its clients",
    "stream 127.0.0.1:8080: a process that we may not see listens there, too, and gets a share of its clients",
    "",
    "GEN  STATE    PID  QUEUE  AGE  MEMORY    CPU  PROCS  TASKS  SOCKETS  STATUS",
    expect.stringMatching(/^ {2}3 {2}ended +990 +- {2}1min 1s ago, after 65ms: exited/),
    expect.stringMatching(/^ {2}2 {2}serving +- +- +5s /),
    expect.stringMatching(/^2\/0 {2}serving +901 +0 +5s /),
    expect.stringMatching(/^2\/1 {2}serving +902 +1 +5s .* 12 jobs waiting$/),
  ]);
});

test("without sockets it says so", () => {
  expect(format({ sockets: [] })).toContain("no sockets");
});

test("control characters of others don't reach the terminal", () => {
  const evil = "\x1b[2J\u009b2J";
  const text = format({
    supervisor: { pid: 1, version: evil, status: evil },
    unit: { ...UNIT, Id: evil, SubState: evil },
    sockets: [{ fd: 3, name: evil, address: evil }],
    generations: [
      { ...SERVING, status: evil },
      { ...ENDED, end: evil },
    ],
  }).join("");
  expect(text).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
});

test("colours tell states apart and move nothing", () => {
  const paint: Paint = (text, colour) => `<${colour}>${text}</>`;
  const generations = [ENDED, { ...SERVING, status: "serving well" }, DRAINING];
  const lines = format({ unit: UNIT, generations }, 80, paint);
  expect(lines.map(line => line.replace(/<.*?>/g, ""))).toEqual(format({ unit: UNIT, generations }, 80));
  expect(lines.slice(-3)).toEqual([
    expect.stringMatching(/^<dim>.*ended.*<\/>$/),
    expect.stringMatching(/^ +2 {2}<green>serving<\/> .* serving well$/),
    expect.stringMatching(/<yellow>draining<\/>/),
  ]);
  expect(lines[1]).toMatch(/^app.service: <green>active<\/> /);
});

test("what each was started from has a table of its own, and a word on whether that is on disk", () => {
  const release = {
    number: 1,
    onDisk: false,
    directory: "/srv/app/releases/1",
    arguments: ["node", "a.js"],
    variables: [],
  };
  const lines = format({
    generations: [
      { ...SERVING, release },
      { ...ENDED, release: null },
    ],
  });
  expect(lines.slice(-3)).toEqual([
    "",
    "GEN  ON DISK  DIRECTORY            COMMAND",
    "  2  no       /srv/app/releases/1  node a.js",
  ]);
  const { directory: _, ...nowhere } = { ...release, onDisk: true };
  expect(format({ generations: [{ ...SERVING, release: nowhere }] }).at(-1)).toBe("  2  yes      -          node a.js");
});
