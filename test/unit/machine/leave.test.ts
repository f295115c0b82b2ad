// --before-drain: who is to be told before a process is, is told first, and for so long at most.

import { expect, test } from "@jest/globals";
import { readSnapshot, writeSnapshot } from "../../../src/machine/snapshot.js";
import { isLeaving } from "../../../src/machine/state.js";
import { Machine, SECOND } from "../../support/machine.js";

const CONFIG = { beforeDrain: 10 * SECOND };
const FIRST = { generation: 1, process: 0 };
const left = (machine: Machine, generation = 1) => machine.event({ type: "left", generation, process: 0 });
const signals = (lines: string[]) => lines.filter(line => /^(?:signal|leave|kill)/.test(line));

test("after a reload what is replaced is told to stop when the command has run, and --stop-timeout begins then", () => {
  const machine = Machine.reloading(CONFIG);
  expect(machine.ready(2)).toEqual([
    "info: generation 2 (pid 102) serving: ready after 0us. Draining generation 1 (pid 101)",
    "systemd: READY=1 MAINPID=42 STATUS=Generation 2 (pid 102) serving; draining: generation 1",
    "info: generation 1 (pid 101) is to drain: --before-drain comes first",
    "leave 1",
    "result for [1]: generation 2",
  ]);
  expect(machine.timers).toEqual({ "leave-timeout 1": "10s" });
  expect(isLeaving(machine.state, FIRST)).toBe(true);
  // Whoever takes over knows of it.
  machine.state = readSnapshot(writeSnapshot(machine.state));
  machine.now += SECOND;
  expect(left(machine)).toEqual(["signal 1 SIGINT"]);
  expect(machine.timers).toEqual({ "stop-timeout 1": "1min 30s" });
  expect(isLeaving(machine.state, FIRST)).toBe(false);
});

test("a command that takes too long is waited for no more, and what comes of it later means nothing", () => {
  const machine = Machine.draining(CONFIG);
  expect(machine.fires("leave-timeout 1")).toEqual([
    "warning: --before-drain of generation 1 (pid 101) has run for 10s and is killed",
    "signal 1 SIGINT",
  ]);
  expect(machine.timers).toEqual({ "stop-timeout 1": "1min 30s" });
  expect(left(machine)).toEqual([]);
});

test("at a stop, too: systemd is asked for the time that it takes, and what was never ready is told at once", () => {
  const machine = Machine.reloading(CONFIG);
  const lines = machine.stop();
  expect(lines.find(line => line.includes("STOPPING=1"))).toContain("EXTEND_TIMEOUT_USEC=105000000");
  expect(signals(lines)).toEqual(["leave 1", "signal 2 SIGINT"]);
  machine.exits(2, 0);
  left(machine);
  expect(machine.exits(1, 0)).toContain("exit 0");
});

test("one that ends by itself meanwhile has drained, and one that is interrupted is killed", () => {
  const ending = Machine.draining(CONFIG);
  ending.exits(1, 0);
  expect(ending.timers).toEqual({});
  expect(left(ending)).toEqual([]);
  const interrupted = Machine.serving(CONFIG);
  interrupted.stop();
  expect(signals(interrupted.stop("SIGINT"))).toEqual(["kill 1"]);
  expect(interrupted.timers).toEqual({});
  expect(left(interrupted)).toEqual([]);
});

test("one that is being aborted, or only tried, is told at once", () => {
  const aborting = Machine.reloading(CONFIG);
  aborting.says(1, { watchdog: "trigger" });
  expect(signals(aborting.ready(2))).toEqual(["signal 1 SIGINT"]);
  const trying = Machine.serving(CONFIG);
  trying.tryOut(1);
  trying.spawned(2);
  expect(signals(trying.ready(2))).toEqual(["signal 2 SIGINT"]);
});

test("slot by slot, systemd waits for it, too", () => {
  const machine = Machine.ofWorkers(2, { ...CONFIG, surge: 1, startTimeout: SECOND, stopTimeout: SECOND });
  machine.reload(1);
  const lines = machine.arrive(2, 0);
  expect(lines.find(line => line.includes("EXTEND"))).toContain("EXTEND_TIMEOUT_USEC=17000000");
  expect(signals(lines)).toEqual(["leave 1"]);
});

test("more time for its drain is for later: it has not begun", () => {
  const machine = Machine.draining(CONFIG);
  machine.says(1, { extend: 500 * SECOND });
  expect(machine.timers).toEqual({ "leave-timeout 1": "10s" });
});
