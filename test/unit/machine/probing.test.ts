// The state machine, rule by rule: the probes that a candidate must pass before anything is handed over to it.

import { expect, test } from "@jest/globals";
import type { Config } from "../../../src/machine/config.js";
import { startLimit } from "../../../src/machine/limits.js";
import type { ProbeFailure } from "../../../src/machine/outcome.js";
import { isProbed } from "../../../src/machine/state.js";
import { Machine, SECOND } from "../../support/machine.js";

const SIGKILL = { signal: 9, name: "SIGKILL" };
const FAILURE: ProbeFailure = { kind: "ended", end: { status: 1 }, lastLine: "no such table" };
const probes = ["./check", "http:/health"];

/** Generation 1 serves, and has passed; generation 2 is to replace it, and is ready. */
function probing(config: Partial<Config> = {}): Machine {
  const machine = new Machine({ probes, ...config });
  machine.start();
  machine.spawned(1);
  machine.ready(1);
  machine.probed(1, 0);
  machine.probed(1, 1);
  machine.reload(1);
  machine.spawned(2);
  machine.now += SECOND;
  machine.ready(2);
  return machine;
}

test("the first start is probed, one probe after the other, each with its time, and then serves", () => {
  const machine = new Machine({ probes });
  expect(machine.start()).toContain("systemd: EXTEND_TIMEOUT_USEC=665000000 STATUS=Starting generation 1");
  machine.spawned(1);
  expect(machine.ready(1)).toEqual([
    "info: generation 1 (pid 101) ready after 0us: probing it",
    "systemd: EXTEND_TIMEOUT_USEC=65000000 STATUS=Starting generation 1",
    "probe 1",
  ]);
  expect(machine.lastEffects.at(-1)).toEqual({ type: "probe", generation: 1, process: 0, probe: 0 });
  expect(machine.timers).toEqual({ "probe-timeout 1": "30s" });
  machine.now += 10 * SECOND;
  expect(machine.probed(1, 0)).toEqual(["probe 1"]);
  expect(machine.timers).toEqual({ "probe-timeout 1": "30s" });
  expect(machine.probed(1, 1)).toEqual([
    "info: generation 1 (pid 101) serving: ready after 10s",
    "systemd: READY=1 MAINPID=42 STATUS=Generation 1 (pid 101) serving",
  ]);
  expect(machine.timers).toEqual({});
});

test("a candidate that passes settles then, and what serves is told only after that", () => {
  const machine = probing({ settle: 2 * SECOND });
  machine.probed(2, 0);
  expect(machine.probed(2, 1)[0]).toBe("info: generation 2 (pid 102) ready after 1s; settling for 2s");
  expect(machine.timers).toEqual({ "settle 2": "2s" });
});

test.each<[string, ProbeFailure, string]>([
  ["a command that fails", FAILURE, "(exited with status 1: no such table)"],
  ["one that says nothing", { ...FAILURE, end: SIGKILL, lastLine: "" }, "(was killed by SIGKILL)"],
  ["an answer", { kind: "answered", answer: "500 Oh no" }, "(answered with 500 Oh no)"],
  ["no answer", { kind: "error", error: "socket hang up" }, "(socket hang up)"],
])("%s fails the reload: the candidate is killed, and the reason told", (_, failure, why) => {
  const machine = probing();
  expect(machine.probed(2, 0, failure)).toEqual(["kill 2"]);
  expect(machine.timers).toEqual({});
  const reason = `generation 2 failed its probe "./check" ${why} and was killed. Generation 1 (pid 101) still serving`;
  expect(machine.ends(2, SIGKILL)).toContain(`result for [1]: Reload failed: ${reason}`);
});

test.each([
  ["/health", { status: 127 }, "(exited with status 127: no such table; to ask it by HTTP: --probe http:/health)"],
  ["/", { status: 126 }, "(exited with status 126: no such table; to ask it by HTTP: --probe http:/)"],
  ["/health", { status: 1 }, "(exited with status 1: no such table)"],
  ["/health", SIGKILL, "(was killed by SIGKILL: no such table)"],
  ["check", { status: 127 }, "(exited with status 127: no such table)"],
])("a command that is the path of a request is told how to be one: %s, %j", (probe, end, why) => {
  const machine = new Machine({ probes: [probe] });
  machine.start();
  machine.spawned(1);
  machine.ready(1);
  machine.probed(1, 0, { ...FAILURE, end } as ProbeFailure);
  expect(machine.ends(1, SIGKILL).join("\n")).toContain(`its probe "${probe}" ${why}`);
});

test("a second one counts as the first does, and a probe that takes too long is named", () => {
  const machine = probing({ probeTimeout: 3 * SECOND });
  machine.probed(2, 0);
  expect(machine.fires("probe-timeout 2")).toEqual(["kill 2"]);
  const reason = 'generation 2 did not pass its probe "http:/health" within 3s and was killed';
  expect(machine.ends(2, SIGKILL).find(line => line.startsWith("result"))).toContain(reason);
});

test("a first start that fails so ends the supervisor: with 69 for a failure, with 75 for a timeout", () => {
  for (const [fail, status] of [
    [(machine: Machine) => machine.probed(1, 0, FAILURE), 69],
    [(machine: Machine) => machine.fires("probe-timeout 1"), 75],
  ] as const) {
    const machine = new Machine({ probes });
    machine.start();
    machine.spawned(1);
    machine.ready(1);
    fail(machine);
    expect(machine.ends(1, SIGKILL)).toContain(`exit ${status}`);
  }
});

test("what a probe says of one that has ended, or after it is doomed, or of a probe before, means nothing", () => {
  const machine = probing();
  const passed = { type: "probed", generation: 2, process: 0, probe: 0, failure: null } as const;
  expect(machine.event({ ...passed, posthumous: true })).toEqual([]);
  expect(machine.probed(2, 1)).toEqual([]);
  machine.probed(2, 0);
  expect(machine.event(passed)).toEqual([]);
  expect(machine.ready(2)).toEqual([]);
  machine.event({ type: "dying", generation: 2, process: 0 });
  expect(machine.timers).toEqual({});
  expect(machine.probed(2, 1)).toEqual([]);
  expect(machine.exits(2, 3)).toContain(
    "result for [1]: Reload failed: generation 2 exited with status 3 before it was ready. Generation 1 (pid 101) still serving",
  );
});

test("a probe is under way until it is answered, or its process is doomed", () => {
  const machine = probing();
  const about = { generation: 2, process: 0, probe: 0 };
  expect(isProbed(machine.state, about)).toBe(true);
  expect(isProbed(machine.state, { ...about, probe: 1 })).toBe(false);
  expect(isProbed(machine.state, { ...about, generation: 3 })).toBe(false);
  expect(isProbed(machine.state, { ...about, generation: 1 })).toBe(false);
  machine.event({ type: "cancel" });
  expect(isProbed(machine.state, about)).toBe(false);
});

test("what replaces one that crashed isn't probed: it is of the same release, and clients wait", () => {
  const machine = new Machine({ probes });
  machine.start();
  machine.spawned(1);
  machine.ready(1);
  machine.probed(1, 0);
  machine.probed(1, 1);
  machine.exits(1, 3);
  machine.spawned(2);
  expect(machine.ready(2)).toContain("info: generation 2 (pid 102) serving: ready after 0us");
});

test("workers that are added to what serves aren't probed: they are of a release that has passed; those of a candidate are", () => {
  const machine = new Machine({ probes: ["./check"] });
  machine.start();
  machine.spawned(1);
  machine.ready(1);
  machine.probed(1, 0);
  machine.scale(2);
  machine.spawned(1, 1);
  expect(machine.ready(1, 1)).toContain("info: worker 1 of generation 1 (pid 111) serving: ready after 0us");
  machine.reload(1);
  machine.scale(3);
  machine.spawned(2, 2);
  expect(machine.ready(2, 2)).toContain("probe 2/2");
});

test("what served last, and is started instead of what is on disk, isn't probed", () => {
  const machine = new Machine({ probes });
  machine.start(true);
  machine.exits(1, 3);
  machine.spawned(2);
  expect(machine.ready(2)).toContain("info: generation 2 (pid 102) serving: ready after 0us");
});

test("of workers each is probed, and the candidate is ready when all have passed; one that crashes is replaced without", () => {
  const machine = new Machine({ probes: ["./check"], workers: 2 });
  machine.start();
  for (const process of [0, 1]) {
    machine.spawned(1, process);
    machine.ready(1, process);
  }
  expect(machine.probed(1, 0)).toEqual(["debug: worker 0 of generation 1 (pid 101) ready after 0us"]);
  expect(machine.probed(1, 0, null, 1)).toContain(
    "systemd: READY=1 MAINPID=42 STATUS=Generation 1 serving (2 workers)",
  );
  machine.exits(1, 3, 1);
  machine.spawned(1, 2);
  expect(machine.ready(1, 2)).toContain("info: worker 1 of generation 1 (pid 121) serving: ready after 0us");
});

test("one that fails ends the others' probes", () => {
  const machine = new Machine({ probes: ["./check"], workers: 2 });
  machine.start();
  machine.arrive(1, 0, 1);
  machine.probed(1, 0);
  machine.probed(1, 0, null, 1);
  machine.reload();
  machine.arrive(2, 0, 1);
  expect(machine.timers).toEqual({ "probe-timeout 2": "30s", "probe-timeout 2/1": "30s" });
  machine.probed(2, 0, FAILURE);
  expect(machine.ends(2, SIGKILL)).toContain("signal 2/1 SIGINT");
  expect(machine.timers).toEqual({ "stop-timeout 2/1": "1min 30s" });
});

test("a long command, or a long line, is told of shortly, and in one line", () => {
  const machine = probing({ probes: [`set -e\n${"x".repeat(5000)}`] });
  machine.probed(2, 0, { ...FAILURE, lastLine: "y".repeat(5000) });
  const [line = ""] = machine.ends(2, SIGKILL).filter(text => text.startsWith("result"));
  expect(line).toContain(`its probe "set -e ${"x".repeat(93)}…" (exited with status 1: ${"y".repeat(300)}…)`);
});

test("systemd is to wait for the probes, too", () => {
  const times = { ready: "exec", readyDelay: 0, startTimeout: 1, settle: SECOND } as const;
  expect(startLimit({ ...times, probes, probeTimeout: 3 * SECOND })).toBe(7 * SECOND);
  expect(startLimit({ ...times, probes: [], probeTimeout: Number.POSITIVE_INFINITY })).toBe(SECOND);
});
