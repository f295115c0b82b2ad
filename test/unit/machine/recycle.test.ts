// Workers that are too old, or use too much memory: another one takes their place first.

import { expect, test } from "@jest/globals";
import { findActor } from "../../../src/machine/state.js";
import { Machine, SECOND } from "../../support/machine.js";

const HOUR = 3600 * SECOND;
const LARGE = 600 * 2 ** 20;

const starts = (lines: string[]) => lines.filter(line => line.startsWith("spawn"));
const overLimit = (machine: Machine, process: number, memory = LARGE) =>
  machine.event({ type: "over-limit", generation: 1, process, memory });

test("the ages of the first ones are spread; a successor starts first, takes the slot, and then the old one drains", () => {
  const machine = Machine.ofWorkers(2, { maxAge: HOUR });
  expect(machine.timers).toEqual({ "age 1": "30min", "age 1/1": "1h" });
  expect(machine.fires("age 1")).toEqual([
    "info: worker 0 of generation 1 (pid 101) has run for 30min: another one is to replace it",
    "spawn 1/2",
  ]);
  expect(machine.lastEffects).toContainEqual(expect.objectContaining({ type: "spawn", slot: 0, release: 1 }));
  expect(machine.arrive(1, 2)).toEqual([
    "info: worker 0 of generation 1 (pid 121) serving: ready after 0us",
    "signal 1 SIGINT",
  ]);
  expect(machine.state.told).toBe("Generation 1 serving (2 workers)");
  machine.exits(1, 0);
  expect(machine.timers).toEqual({ "age 1/2": "1h", "age 1/1": "30min" });
});

test("one at a time in the whole unit", () => {
  const machine = Machine.ofWorkers(3);
  machine.now += HOUR;
  expect(starts(overLimit(machine, 0))).toEqual(["spawn 1/3"]);
  expect(starts(overLimit(machine, 1))).toEqual([]);
  // It is known already.
  expect(overLimit(machine, 1)).toEqual([]);
  machine.arrive(1, 3);
  expect(starts(machine.exits(1, 0))).toEqual(["spawn 1/4"]);
});

test("never beside a reload: a successor that starts is told to stop, and what drains is too large no more", () => {
  const machine = Machine.ofWorkers(2);
  machine.now += HOUR;
  expect(overLimit(machine, 0)[0]).toBe(
    "info: worker 0 of generation 1 (pid 101) uses 600.0M: another one is to replace it",
  );
  machine.spawned(1, 2);
  expect(machine.reload()).toContain("signal 1/2 SIGINT");
  machine.exits(1, 0, 2);
  expect(starts(overLimit(machine, 1))).toEqual([]);
  machine.arrive(2, 0, 1);
  expect(overLimit(machine, 0)).toEqual([]);
});

test("one that uses too much within a minute of its start is told of once, and left alone", () => {
  const machine = Machine.ofWorkers(2);
  machine.now += 30 * SECOND;
  expect(overLimit(machine, 0)).toEqual([
    "warning: worker 0 of generation 1 (pid 101) uses 600.0M right after its start: another one would, too, and it is left alone",
  ]);
  machine.now += HOUR;
  expect(overLimit(machine, 0)).toEqual([]);
});

test("a successor that fails is started again with a backoff, and the old one serves", () => {
  const machine = Machine.ofWorkers(2);
  machine.now += HOUR;
  overLimit(machine, 0);
  machine.spawned(1, 2);
  expect(starts(machine.exits(1, 1, 2))).toEqual(["spawn 1/3"]);
  machine.spawned(1, 3);
  machine.exits(1, 1, 3);
  expect(machine.timers["again 1/4"]).toBe("100ms");
  expect(findActor(machine.state, 1, 0)!.process.duty).toBe("serving");
});

test("the old one crashes while its successor starts: that is its replacement", () => {
  const machine = Machine.ofWorkers(2);
  machine.now += HOUR;
  overLimit(machine, 0);
  machine.spawned(1, 2);
  expect(machine.exits(1, 1)).toEqual([
    "release 1",
    "err: worker 0 of generation 1 (pid 101) exited with status 1",
    expect.stringMatching(/^systemd: STATUS=.*still serving \(1 of 2 workers\)$/),
  ]);
  expect(machine.ready(1, 2).at(-1)).toBe("systemd: STATUS=Generation 1 serving (2 workers)");
});

test("a generation that is one process is recycled in the same way", () => {
  const machine = Machine.serving({ maxAge: HOUR });
  expect(starts(machine.fires("age 1"))).toEqual(["spawn 1/1"]);
  expect(machine.arrive(1, 1)).toContain("signal 1 SIGINT");
  machine.exits(1, 0);
  expect(machine.state.told).toBe("Generation 1 (pid 111) serving");
});

test("one that was aborted isn't replaced before it is gone", () => {
  const machine = Machine.ofWorkers(2, { watchdog: 5 * SECOND });
  machine.now += HOUR;
  machine.says(1, { watchdog: "trigger" });
  expect(starts(overLimit(machine, 0))).toEqual([]);
});
