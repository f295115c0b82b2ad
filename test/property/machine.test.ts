// Thousands of random sequences of events drive the state machine through a simulated world. After every step the rules
// of docs/contracts.md 6 (invariants.ts) and 3.6 (ends.ts) are checked.

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Effect } from "../../src/machine/effects.js";
import { findActor } from "../../src/machine/state.js";
import { ENDS } from "./ends.js";
import { EVERY_STEP } from "./every-step.js";
import { check, INVARIANTS, type Rule, type Scene } from "./invariants.js";
import { Lives, tells } from "./lives.js";
import { aCrashIsNoDeploy } from "./releases.js";
import { type Sequence, sequences } from "./sequences.js";
import type { Step } from "./vocabulary.js";
import { World } from "./world.js";

const RUNS = 4000;

/** Every line that speaks of a generation names its number and, once it has one, its pid. */
function logsNames({ step: { effects }, lives }: Scene): void {
  for (const effect of effects) {
    if (effect.type !== "log") continue;
    for (const [, number, pid] of effect.text.matchAll(/generation (\d+)(?: \(pid (\d+)\))?/gi))
      check(pid === lives.all.get(Number(number))?.pid?.toString(), `the log says "${effect.text}"`);
  }
}

/**
 * Plays a sequence, in which other supervisors take over now and then, and at its end makes every deadline pass: the
 * machine must reach its exit.
 */
function play(sequence: Sequence, calm: boolean, observe: (step: Step) => void): World {
  const { config, fates, lateness, actions, stops } = sequence;
  const rules: [string, Rule][] = [
    ...Object.entries({ ...INVARIANTS, ...ENDS }).map(([name, make]): [string, Rule] => [name, make()]),
    ...Object.entries(EVERY_STEP),
    ["the log", logsNames],
    ["releases", aCrashIsNoDeploy()],
  ];
  const lives = new Lives(config);
  const before = () => ({
    serving: lives.serving,
    candidates: lives.candidates,
    untold: lives.present.filter(({ toldAt, isTrial }) => toldAt === undefined && !isTrial),
    forgotten: lives.gone.slice(0, -5),
    announced: lives.announced,
    stopping: lives.stopping,
    exited: lives.exited,
  });
  const world = new World(config, fates, lateness, step => {
    const { event, effects, index } = step;
    const life = "generation" in event ? lives.present.find(({ number }) => number === event.generation) : undefined;
    const scene = { step, config, life, lives, before: before(), timers: [...world.timers.keys()], lateness };
    lives.happened(event, index, effects);
    observe(step);
    for (const [name, rule] of rules) {
      try {
        rule(scene);
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}\nat ${JSON.stringify(step, undefined, 1)}`);
      }
    }
  });
  world.happen({ type: "start", remembers: false });
  for (const action of actions) world.act(action);
  if (calm) {
    check(world.calmDown(), "it never calms down");
    check(lives.stopping || (lives.serving.length === 1 && lives.candidates.length === 0), "calm, but not one serves");
  }
  for (const action of stops) world.act(action);
  check(world.stop(), "it never reaches its exit");
  return world;
}

const isGood = (effect: Effect) => effect.type === "result" && effect.problem === null;

test(`the rules of 3.5 and 3.6 hold in ${RUNS} random sequences of events, and each can be stopped at its end`, () => {
  const seen = new Map<string, number>();
  const count = (what: string, happened: boolean) => seen.set(what, (seen.get(what) ?? 0) + (happened ? 1 : 0));
  let takeovers = 0;
  fc.assert(
    fc.property(sequences, fc.boolean(), (sequence, calm) => {
      const world = play(sequence, calm, step => {
        const { event, effects, before, after } = step;
        count(
          "reloads that succeed",
          effects.some(effect => effect.type === "result" && effect.problem === null),
        );
        count("reloads that fail", tells(step, "READY=1") && after.problem?.kind === "reload-failed");
        count("reloads that wait", !before.pending && after.pending !== null);
        count(
          "candidates that settle",
          after.generations.some(({ state }) => state === "settling"),
        );
        count("crashes", after.crashes.length > before.crashes.length);
        count("backoffs", before.deadlines.restart === undefined && after.deadlines.restart !== undefined);
        count("reloads in a backoff", before.deadlines.restart !== undefined && event.type === "reload");
        count("those that leave others behind", event.type === "dying");
        count(
          "watchdogs missed",
          after.generations.some(
            ({ number, processes }) =>
              processes[0]?.state === "aborting" && findActor(before, number, 0)?.process.doom === null,
          ),
        );
        count("crash loops", after.crashes.length > 5);
        count(
          "kills",
          effects.some(({ type }) => type === "kill"),
        );
        count(
          "stops with a candidate",
          event.type === "stop" && before.generations.some(({ state }) => state === "starting"),
        );
        count("starts that a stop overtook", event.type === "spawned" && after.phase === "ending");
        count(
          "probes that fail",
          after.ended.some(
            ({ number, outcome }) => outcome.kind === "probe" && !before.ended.some(it => it.number === number),
          ),
        );
        count(
          "probes that take too long",
          event.type === "timer" && event.timer === "probe-timeout" && after !== before,
        );
        count("trials that pass", before.trying !== null && after.trying === null && effects.some(isGood));
        count(
          "trials that fail",
          effects.some(effect => effect.type === "result" && effect.problem?.kind === "trial-failed"),
        );
        count("passed signals", event.type === "pass" && effects.length > 0);
        count(
          "stale events",
          "generation" in event && !before.generations.some(({ number }) => number === event.generation),
        );
      });
      takeovers += world.takeovers;
    }),
    { numRuns: RUNS },
  );
  expect(takeovers).toBeGreaterThan(RUNS);
  // The sequences got somewhere: without this, a world in which nothing happens would pass.
  const rare = [...seen].filter(([, times]) => times < 20);
  expect(rare).toEqual([]);
});
