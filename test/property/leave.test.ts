// --before-drain in the random sequences of workers.test.ts: whoever was ready is told to stop after the command, and always then.

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Address } from "../../src/machine/events.js";
import { findActor, isLeaving, isTrial, type State } from "../../src/machine/state.js";
import { EVERY_STEP } from "./every-step.js";
import { check } from "./invariants.js";
import { type Sequence, workersSequences } from "./sequences.js";
import type { Step } from "./vocabulary.js";
import { World } from "./world.js";

const RUNS = 1500;

const keyOf = ({ generation, process }: Address) => `${generation}/${process}`;

/** Whether the command comes first for it. */
function mustLeave(state: State, { generation, process }: Address): boolean {
  const actor = findActor(state, generation, process);
  return actor?.process.wasReady === true && actor.process.state === "running" && !isTrial(actor.generation);
}

/** @param begun the processes that the command has been run for */
function checkStep({ event, before, after, effects }: Step, stopSignal: string, begun: Set<string>): void {
  const isAnswer = event.type === "left" || (event.type === "timer" && event.timer === "leave-timeout");
  const answered = isAnswer && isLeaving(before, event) ? keyOf(event) : undefined;
  const signalled: string[] = [];
  for (const effect of effects) {
    if (effect.type === "leave") {
      check(!begun.has(keyOf(effect)), `--before-drain of ${keyOf(effect)} twice`);
      begun.add(keyOf(effect));
      check(isLeaving(after, effect), `nobody waits for --before-drain of ${keyOf(effect)}`);
    }
    if (effect.type !== "signal" || effect.signal !== stopSignal) continue;
    signalled.push(keyOf(effect));
    const isEarly = mustLeave(after, effect) && answered !== keyOf(effect);
    check(!isEarly, `${keyOf(effect)} is told to stop, and --before-drain has not run`);
  }
  if (answered !== undefined) check(signalled.includes(answered), `${answered} isn't told to stop`);
}

function play({ config, fates, lateness, actions, stops, remembers }: Sequence, observe: (step: Step) => void): void {
  const begun = new Set<string>();
  const world = new World(config, fates, lateness, step => {
    for (const rule of Object.values(EVERY_STEP)) rule({ step, config, timers: [...world.timers.keys()] });
    checkStep(step, config.stopSignal, begun);
    observe(step);
  });
  world.happen({ type: "start", remembers });
  for (const [index, action] of [...actions, ...stops].entries()) {
    world.act(action);
    if (index % 3 === 0) world.act({ do: "leave", who: index % 2 });
  }
  check(world.stop(), "it never reaches its exit");
}

test(`before a drain the command comes first, in ${RUNS} random sequences of events, and all end`, () => {
  const seen = { begun: 0, left: 0, late: 0, "too long": 0, "after a stop": 0 };
  fc.assert(
    fc.property(workersSequences, fc.constantFrom(60e3, 1.7e6), (sequence, beforeDrain) => {
      play({ ...sequence, config: { ...sequence.config, beforeDrain } }, ({ event, before, effects }) => {
        if (effects.some(({ type }) => type === "leave")) seen.begun++;
        if (event.type === "left") seen[isLeaving(before, event) ? "left" : "late"]++;
        if (event.type === "timer" && event.timer === "leave-timeout") seen["too long"]++;
        if (event.type === "stop" && effects.some(({ type }) => type === "leave")) seen["after a stop"]++;
      });
    }),
    { numRuns: RUNS },
  );
  expect(Object.entries(seen).filter(([, times]) => times < 20)).toEqual([]);
});
