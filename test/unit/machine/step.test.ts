// Generations of several processes: each event and effect names the one that it is about.

import { expect, test } from "@jest/globals";
import type { Config } from "../../../src/machine/config.js";
import type { Effect } from "../../../src/machine/effects.js";
import type { Event, Happening } from "../../../src/machine/events.js";
import { type State, serving } from "../../../src/machine/state.js";
import { step } from "../../../src/machine/step.js";
import { Machine, SECOND } from "../../support/machine.js";

const config: Config = {
  pid: 42,
  ready: "notify",
  readyDelay: 0,
  startTimeout: 600 * SECOND,
  probes: [],
  probeTimeout: 30 * SECOND,
  stopTimeout: 90 * SECOND,
  beforeDrain: 0,
  settle: 0,
  stopSignal: "SIGINT",
  onCrash: "restart",
  workers: 2,
  queues: 1,
  surge: Number.POSITIVE_INFINITY,
  bootWeight: 100,
  bootParallel: Number.POSITIVE_INFINITY,
  maxAge: Number.POSITIVE_INFINITY,
  watchdog: 5 * SECOND,
  seesAccepting: false,
};

/** Generation 1 serves with two processes. */
function twoProcesses(): State {
  const { state } = Machine.serving({ watchdog: 5 * SECOND });
  const [generation] = state.generations;
  const [process] = generation!.processes;
  const processes = [0, 1].map(slot => ({ ...process!, number: slot, slot, workers: 2, pid: 101 + 100 * slot }));
  return { ...state, workers: 2, generations: [{ ...generation!, hired: 2, processes }] };
}

function happen(state: State, happening: Happening): [State, readonly Effect[]] {
  return step(state, { ...happening, now: 20 * SECOND } as Event, config);
}

test("what one process says changes nothing of another", () => {
  const before = twoProcesses();
  const [after, effects] = happen(before, {
    type: "notified",
    generation: 1,
    process: 1,
    status: "second",
    watchdog: "ping",
  });
  const [first, second] = serving(after)!.processes;
  expect(first).toBe(serving(before)!.processes[0]);
  expect(second).toMatchObject({ status: "second", watched: true, deadlines: { watchdog: 25 * SECOND } });
  expect(effects).toEqual([
    { type: "set-timer", timer: "watchdog", generation: 1, process: 1, at: 25 * SECOND },
    { type: "notify", assignments: ["STATUS=Generation 1 serving (2 workers)"] },
  ]);
});

test("a stop reaches each of them, and a second SIGINT kills each", () => {
  const [stopping, effects] = happen(twoProcesses(), { type: "stop", signal: "SIGINT" });
  const told = effects.filter(effect => effect.type === "signal" && effect.signal === "SIGINT");
  expect(told).toEqual([0, 1].map(process => ({ type: "signal", generation: 1, process, signal: "SIGINT" })));
  const [killed, kills] = happen(stopping, { type: "stop", signal: "SIGINT" });
  expect(kills.filter(({ type }) => type === "kill")).toEqual(
    [0, 1].map(process => ({ type: "kill", generation: 1, process })),
  );
  expect(killed.generations[0]!.processes.map(({ state }) => state)).toEqual(["killing", "killing"]);
});

test("the timer of one says nothing of another; what concerns a slot that isn't there means nothing", () => {
  const [state] = happen(twoProcesses(), { type: "notified", generation: 1, process: 1, watchdog: "trigger" });
  expect(serving(state)!.processes.map(({ state }) => state)).toEqual(["running", "aborting"]);
  expect(happen(state, { type: "timer", timer: "abort-timeout", generation: 1, process: 0 })).toEqual([state, []]);
  expect(happen(state, { type: "dying", generation: 1, process: 2 })).toEqual([state, []]);
});

test("a timer that fires before it is due means nothing", () => {
  const [state] = happen(twoProcesses(), { type: "stop", signal: "SIGTERM" });
  expect(happen(state, { type: "timer", timer: "stop-timeout", generation: 1, process: 0 })).toEqual([state, []]);
});
