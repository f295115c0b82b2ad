// A state can be given from outside, with generations of several processes: each event and effect names its slot.

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
  stopTimeout: 90 * SECOND,
  settle: 0,
  stopSignal: "SIGINT",
  onCrash: "restart",
  watchdog: 5 * SECOND,
};

/** Generation 1 serves with two processes. */
function twoProcesses(): State {
  const { state } = Machine.serving({ watchdog: 5 * SECOND });
  const [generation] = state.generations;
  const [process] = generation!.processes;
  const processes = [process!, { ...process!, slot: 1, pid: 201 }];
  return { ...state, generations: [{ ...generation!, processes }] };
}

function happen(state: State, happening: Happening): [State, readonly Effect[]] {
  return step(state, { ...happening, now: 20 * SECOND } as Event, config);
}

test("what one process says changes nothing of another", () => {
  const before = twoProcesses();
  const [after, effects] = happen(before, {
    type: "notified",
    generation: 1,
    slot: 1,
    status: "second",
    watchdog: "ping",
  });
  const [first, second] = serving(after)!.processes;
  expect(first).toBe(serving(before)!.processes[0]);
  expect(second).toMatchObject({ status: "second", watched: true, deadlines: { watchdog: 25 * SECOND } });
  expect(effects).toEqual([
    { type: "set-timer", timer: "watchdog", generation: 1, slot: 1, at: 25 * SECOND },
    { type: "notify", assignments: ["STATUS=Generation 1 (pid 101, 201) serving: second"] },
  ]);
});

test("a stop reaches each of them, and a second SIGINT kills each", () => {
  const [stopping, effects] = happen(twoProcesses(), { type: "stop", signal: "SIGINT" });
  const told = effects.filter(effect => effect.type === "signal" && effect.signal === "SIGINT");
  expect(told).toEqual([0, 1].map(slot => ({ type: "signal", generation: 1, slot, signal: "SIGINT" })));
  const [killed, kills] = happen(stopping, { type: "stop", signal: "SIGINT" });
  expect(kills.filter(({ type }) => type === "kill")).toEqual(
    [0, 1].map(slot => ({ type: "kill", generation: 1, slot })),
  );
  expect(killed.generations[0]!.processes.map(({ state }) => state)).toEqual(["killing", "killing"]);
});

test("the timer of one says nothing of another; what concerns a slot that isn't there means nothing", () => {
  const [state] = happen(twoProcesses(), { type: "notified", generation: 1, slot: 1, watchdog: "trigger" });
  expect(serving(state)!.processes.map(({ state }) => state)).toEqual(["running", "aborting"]);
  expect(happen(state, { type: "timer", timer: "abort-timeout", generation: 1, slot: 0 })).toEqual([state, []]);
  expect(happen(state, { type: "dying", generation: 1, slot: 2 })).toEqual([state, []]);
});

test("a timer that fires before it is due means nothing", () => {
  const [state] = happen(twoProcesses(), { type: "stop", signal: "SIGTERM" });
  expect(happen(state, { type: "timer", timer: "stop-timeout", generation: 1 })).toEqual([state, []]);
});
