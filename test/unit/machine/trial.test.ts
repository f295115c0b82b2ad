// The state machine, rule by rule: zerodown reload --dry-run.

import { expect, test } from "@jest/globals";
import { abortable, candidate, causeOf, initialState } from "../../../src/machine/state.js";
import { Machine, SECOND } from "../../support/machine.js";

const SIGKILL = { signal: 9, name: "SIGKILL" };

function trying(config: ConstructorParameters<typeof Machine>[0] = {}): Machine {
  const machine = Machine.serving(config);
  machine.tryOut(7);
  machine.spawned(2);
  return machine;
}

test("one that becomes ready has passed: whoever asked is told so, it is ended, and systemd hears nothing", () => {
  const machine = Machine.serving();
  const { told } = machine.state;
  expect(machine.tryOut(7)).toEqual(["info: dry run: generation 2 gets no socket of the service", "spawn 2"]);
  expect(machine.spawned(2)).toEqual(["info: generation 2 (pid 102) started"]);
  machine.now += SECOND;
  expect(machine.ready(2)).toEqual([
    "info: dry run: generation 2 (pid 102) would serve: ready after 1s. Ending it",
    "result for [7]: generation 2",
    "signal 2 SIGINT",
  ]);
  expect(machine.exits(2, 0)).toEqual(["release 2", "info: generation 2 (pid 102) drained and exited with status 0"]);
  expect(machine.state).toMatchObject({ told, release: 1, before: null, problem: null, trying: null });
  expect(machine.state.ended.at(-1)).toMatchObject({ number: 2, cause: "trial" });
});

test("it must pass the probes, too, and one that doesn't fails the dry run alone", () => {
  const machine = new Machine({ probes: ["./check"] });
  machine.start();
  machine.spawned(1);
  machine.ready(1);
  machine.probed(1, 0);
  machine.tryOut(7);
  machine.spawned(2);
  expect(machine.ready(2)).toEqual(["info: generation 2 (pid 102) ready after 0us: probing it", "probe 2"]);
  machine.probed(2, 0, { kind: "error", error: "ECONNREFUSED" });
  expect(machine.ends(2, SIGKILL)).toEqual([
    "release 2",
    'warning: dry run failed after 0us: generation 2 (pid 102) failed its probe "./check" (ECONNREFUSED) and was killed',
    'result for [7]: Dry run failed: generation 2 failed its probe "./check" (ECONNREFUSED) and was killed',
  ]);
  expect(machine.state).toMatchObject({ release: 1, problem: null, trying: null });
});

test("while a reload, or another one, is under way it is refused; a reload that comes aborts it", () => {
  const machine = trying();
  expect(machine.tryOut(8)).toEqual(["result for [8]: A reload or a dry run is under way"]);
  const lines = machine.reload(9);
  expect(lines).toContain("notice: reload asked for while generation 2 (pid 102) is tried: that is aborted");
  expect(lines).toContain("kill 2");
  machine.spawned(3);
  expect(machine.tryOut(10)).toEqual(["result for [10]: A reload or a dry run is under way"]);
  expect(machine.ready(3)).toContain("result for [9]: generation 3");
  expect(machine.ends(2, SIGKILL)).toContain("result for [7]: Dry run failed: generation 2 was aborted");
});

test("one that drains already is no matter of a reload, nor of the next one", () => {
  const machine = trying();
  machine.ready(2);
  expect(machine.tryOut(8)).toContain("spawn 3");
  machine.spawned(3);
  machine.ready(3);
  expect(machine.reload(9)).not.toContain("kill 2");
  expect(machine.state.told).toBe("Starting generation 4");
});

test("what serves crashes: it is replaced as ever, and the trial neither takes over nor drains", () => {
  const machine = trying();
  expect(machine.exits(1, 3)).toContain("spawn 3");
  machine.spawned(3);
  expect(machine.ready(3)).toEqual([
    "info: generation 3 (pid 103) serving: ready after 0us",
    "systemd: STATUS=Generation 3 (pid 103) serving",
  ]);
  expect(machine.ready(2)).toContain("result for [7]: generation 2");
  expect(machine.state.told).toBe("Generation 3 (pid 103) serving");
});

test("it is no candidate, and can't be cancelled as one", () => {
  const machine = trying();
  expect([candidate(machine.state), abortable(machine.state)]).toEqual([undefined, undefined]);
  expect([1, 2, 3].map(number => causeOf(machine.state, number))).toEqual(["start", "trial", undefined]);
  expect(machine.event({ type: "cancel" })).toEqual([]);
  expect(abortable(initialState)).toBeUndefined();
});

test("a stop ends it, and tells who waits; then there is none any more", () => {
  const machine = trying();
  const lines = machine.stop();
  expect(lines).toContain("result for [7]: the service is stopping");
  expect(lines).toContain("signal 2 SIGINT");
  expect(machine.tryOut(8)).toEqual(["result for [8]: the service is stopping"]);
  machine.exits(1, 0);
  expect(machine.exits(2, 0)).toContain("exit 0");
});

test("of several workers one is tried, and takes the place of none", () => {
  const machine = Machine.ofWorkers(2, { surge: 1 });
  machine.tryOut(7);
  machine.spawned(2);
  expect(machine.state.generations[1]!.processes).toMatchObject([{ slot: 0, workers: 2 }]);
  // A rolling reload takes over slot by slot beside the one that is being killed.
  machine.reload(9);
  machine.arrive(3, 0);
  expect(machine.state.generations.find(({ number }) => number === 2)).toMatchObject({ state: "starting" });
  expect(machine.ends(2, SIGKILL)).toContain("result for [7]: Dry run failed: worker 0 of generation 2 was aborted");
});
