// Gentle boots: which weight a process has from its start on, and how many start at a time.

import { describe, expect, test } from "@jest/globals";
import { howToStart } from "../../../src/machine/boot.js";
import { Machine, SECOND } from "../../support/machine.js";
import { SIGKILL, SIGSEGV, starts } from "../../support/workers.js";

/** The weight that the shell would give it now. */
function weightOf(machine: Machine, generation: number, process = 0): number {
  return howToStart(machine.state, { generation, process }, machine.config.bootWeight).weight;
}

const weighs = (lines: string[]) => lines.filter(line => line.startsWith("weigh"));

describe("--boot-weight", () => {
  test("a candidate has it until it is ready", () => {
    const machine = Machine.reloading({ bootWeight: 10 });
    expect(weightOf(machine, 2)).toBe(10);
    expect(weighs(machine.ready(2))).toEqual(["weigh 2 100"]);
    expect([1, 2].map(generation => weightOf(machine, generation))).toEqual([100, 100]);
  });

  test("no longer than that, though it is probed or settles", () => {
    const machine = Machine.serving({ bootWeight: 10, probes: ["./check"], settle: 3 * SECOND });
    machine.probed(1, 0);
    machine.reload(1);
    machine.spawned(2);
    expect(weighs(machine.ready(2))).toEqual(["weigh 2 100"]);
    expect(weighs(machine.probed(2, 0))).toEqual([]);
    expect(weighs(machine.fires("settle 2"))).toEqual([]);
  });

  test.each([
    ["dies", (machine: Machine) => machine.ends(1, SIGSEGV)],
    ["hangs, and is aborted", (machine: Machine) => machine.says(1, { watchdog: "trigger" })],
    [
      "has died, and what it leaves is awaited",
      (machine: Machine) => machine.event({ type: "dying", generation: 1, process: 0 }),
    ],
  ])("when what serves %s it has the usual weight at once", (_, dies) => {
    const machine = Machine.reloading({ bootWeight: 10 });
    expect(weighs(dies(machine))).toEqual(["weigh 2 100"]);
  });

  test("at a first start there is none, nor when a crash is mended", () => {
    const machine = new Machine({ bootWeight: 10 });
    machine.start();
    expect(weightOf(machine, 1)).toBe(100);
    expect(weighs(machine.arrive(1, 0))).toEqual([]);
    machine.ends(1, SIGSEGV);
    expect(weightOf(machine, 2)).toBe(100);
    expect(weighs(machine.arrive(2, 0))).toEqual([]);
  });

  test("one that a stop overtakes has the usual one: it may have clients to finish with", () => {
    const machine = Machine.reloading({ bootWeight: 10 });
    expect(weighs(machine.stop())).toEqual(["weigh 2 100"]);
  });

  test("one that is killed keeps it", () => {
    const machine = Machine.reloading({ bootWeight: 10 });
    expect(weighs(machine.event({ type: "cancel" }))).toEqual([]);
  });

  test("a dry run has it", () => {
    const machine = Machine.serving({ bootWeight: 10 });
    machine.tryOut(1);
    expect(weightOf(machine, 2)).toBe(10);
  });

  test("of workers, those have it in whose slots others serve", () => {
    const machine = Machine.ofWorkers(2, { bootWeight: 10 });
    machine.ends(1, SIGKILL, 1);
    expect(weightOf(machine, 1, 2)).toBe(100);
    machine.reload(1);
    expect([0, 1].map(process => weightOf(machine, 2, process))).toEqual([10, 100]);
    machine.spawned(2, 0);
    machine.spawned(2, 1);
    machine.spawned(1, 2);
    // Slot 1 is served again.
    expect(weighs(machine.ready(1, 2))).toEqual(["weigh 2/1 10"]);
  });

  test("with the usual weight nothing is ever given another one", () => {
    const machine = Machine.reloading();
    expect(weighs(machine.ready(2))).toEqual([]);
  });
});

describe("--boot-parallel", () => {
  const TWO = { bootParallel: 2, startTimeout: 60 * SECOND };

  test("the next one starts when one is ready, and all take over at once", () => {
    const machine = Machine.ofWorkers(4, TWO);
    expect(starts(machine.reload(1))).toEqual(["spawn 2", "spawn 2/1"]);
    machine.spawned(2, 0);
    machine.spawned(2, 1);
    expect(machine.ready(2, 1)).toEqual([
      "debug: worker 1 of generation 2 (pid 112) ready after 0us",
      "spawn 2/2",
      "systemd: EXTEND_TIMEOUT_USEC=65000000 STATUS=Starting generation 2",
    ]);
    expect(starts(machine.arrive(2, 2))).toEqual(["spawn 2/3"]);
    expect(machine.ready(2, 0)).toEqual(["debug: worker 0 of generation 2 (pid 102) ready after 0us"]);
    const last = machine.arrive(2, 3);
    expect(last.filter(line => line.startsWith("signal 1"))).toHaveLength(4);
    expect(last.at(-1)).toBe("result for [1]: generation 2");
  });

  test("at a first start, and when nothing serves any more, all start at once", () => {
    const machine = new Machine({ workers: 4, ...TWO });
    expect(starts(machine.start())).toHaveLength(4);
    machine.arrive(1, 0, 1, 2, 3);
    machine.reload(1);
    const lines = [0, 1, 2, 3].flatMap(process => machine.ends(1, SIGKILL, process));
    expect(starts(lines).filter(line => line.startsWith("spawn 2"))).toEqual(["spawn 2/2", "spawn 2/3"]);
  });

  test("in a slot that nobody serves in, one starts at once", () => {
    const machine = Machine.ofWorkers(3, { ...TWO, bootParallel: 1 });
    machine.ends(1, SIGKILL, 1);
    machine.ends(1, SIGKILL, 3);
    expect(starts(machine.reload(1))).toEqual(["spawn 2", "spawn 2/1"]);
  });

  test("more workers start at once", () => {
    const machine = Machine.ofWorkers(1, { ...TWO, bootParallel: 1 });
    expect(starts(machine.scale(4))).toEqual(["spawn 1/1", "spawn 1/2", "spawn 1/3"]);
  });

  test("with --surge, as many as that take over, however few start at a time", () => {
    const machine = Machine.ofWorkers(4, { ...TWO, bootParallel: 1, surge: 2 });
    expect(starts(machine.reload(1))).toEqual(["spawn 2"]);
    machine.now += SECOND;
    expect(starts(machine.arrive(2, 0))).toEqual(["spawn 2/1"]);
    const taking = machine.arrive(2, 1);
    expect(taking.filter(line => line.startsWith("signal"))).toEqual(["signal 1 SIGINT", "signal 1/1 SIGINT"]);
    expect(starts(machine.exits(1, 0, 0))).toEqual(["spawn 2/2"]);
    expect(starts(machine.exits(1, 0, 1))).toEqual([]);
  });

  test("one that is being killed makes no room: its generation fails", () => {
    const machine = Machine.ofWorkers(3, { ...TWO, bootParallel: 1 });
    machine.reload(1);
    machine.spawned(2);
    expect(machine.fires("start-timeout 2")).toEqual(["kill 2"]);
    expect(starts(machine.ends(2, SIGKILL))).toEqual([]);
  });
});
