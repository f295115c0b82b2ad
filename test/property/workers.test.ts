// As machine.test.ts, for a service of several workers: reloads at once and slot by slot, crashes of some of them, and other
// numbers of them, in random sequences.

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { State } from "../../src/machine/state.js";
import { Crew } from "./crew.js";
import { EVERY_STEP } from "./every-step.js";
import { check } from "./invariants.js";
import { type Sequence, workersSequences } from "./sequences.js";
import type { Step } from "./vocabulary.js";
import { WORKER_RULES, type WorkerRule } from "./worker-rules.js";
import { World } from "./world.js";

const RUNS = 2500;

/** "2 wanted; 1 serving: 0 draining/killing, 1 serving/running; 2 starting: 0 serving/running" */
function describe({ workers, generations }: State): string {
  const those = generations.map(({ number, state, processes }) => {
    const crew = processes.map(({ slot, duty, state }) => `${slot} ${duty}/${state}`);
    return `${number} ${state}: ${crew.join(", ")}`;
  });
  return [`${workers} wanted`, ...those].join("; ");
}

function play(sequence: Sequence, calm: boolean, observe: (step: Step, crew: Crew) => void): void {
  const { config, fates, lateness, actions, stops } = sequence;
  const rules: [string, WorkerRule][] = [
    ...Object.entries(WORKER_RULES).map(([name, make]): [string, WorkerRule] => [name, make()]),
    ...Object.entries(EVERY_STEP),
  ];
  const crew = new Crew(config);
  const world = new World(config, fates, lateness, step => {
    const { served, announced, stopping, present } = crew;
    const untold = present.filter(({ toldAt, isTrial }) => toldAt === undefined && !isTrial);
    crew.happened(step.event, step.effects);
    observe(step, crew);
    const before = { served, announced, stopping, untold };
    for (const [name, rule] of rules) {
      try {
        rule({ step, config, crew, before, timers: [...world.timers.keys()], weights: world.weights });
      } catch (error) {
        const { event, before, effects, after } = step;
        const states = [before, after].map(describe).join("\n→ ");
        const what = `${JSON.stringify(event)}\n  ${states}\nby ${JSON.stringify(effects)}`;
        throw new Error(`${name}: ${(error as Error).message}\nat ${what}`);
      }
    }
  });
  world.happen({ type: "start", remembers: sequence.remembers });
  for (const action of actions) world.act(action);
  // Where workers grow old something may always be under way.
  if (calm && config.maxAge === Number.POSITIVE_INFINITY) {
    check(world.calmDown(), "it never calms down");
    const generations = new Set(crew.serving.map(({ generation }) => generation));
    const slots = crew.serving.map(({ slot }) => slot).sort();
    const isCalm = slots.length === crew.wanted && crew.served.size === crew.wanted && generations.size === 1;
    check(crew.stopping || isCalm, `calm, but slots ${slots} of ${crew.wanted} serve`);
  }
  for (const action of stops) world.act(action);
  check(world.stop(), "it never reaches its exit");
}

test(`the rules of contracts.md hold for several workers in ${RUNS} random sequences of events`, () => {
  const seen = new Map<string, number>();
  const count = (what: string, happened: boolean) => seen.set(what, (seen.get(what) ?? 0) + (happened ? 1 : 0));
  fc.assert(
    fc.property(workersSequences, fc.boolean(), (sequence, calm) => {
      play(sequence, calm, ({ event, effects, before, after }, crew) => {
        const results = effects.flatMap(effect => (effect.type === "result" ? [effect.problem] : []));
        const isRolling = (state: typeof after) =>
          state.generations.some(
            ({ state, processes }) => state === "starting" && processes.some(({ duty }) => duty === "serving"),
          );
        const lingers = (state: typeof after) =>
          state.generations.some(
            ({ state, processes }) => state === "draining" && processes.some(({ duty }) => duty === "serving"),
          );
        count("reloads that succeed", event.type !== "scale" && results.includes(null));
        count(
          "reloads that fail",
          results.some(problem => problem?.kind === "reload-failed"),
        );
        count("those that take over slot by slot", isRolling(after) && !isRolling(before));
        count("ways back", lingers(after) && !lingers(before));
        count("ways back that arrive", lingers(before) && !lingers(after) && !crew.stopping);
        count("crashes of one of several", after.crashes.length > before.crashes.length && crew.serving.length > 0);
        count("crashes of the last", after.crashes.length > before.crashes.length && crew.serving.length === 0);
        count("probes", event.type === "probed" && after !== before);
        count("trials", before.trying !== null && after.trying === null);
        const weighs = effects.flatMap(effect => (effect.type === "weigh" ? [effect.weight] : []));
        count("boots that get their weight back", weighs.includes(100));
        count("more workers", event.type === "scale" && after.workers > before.workers);
        count("fewer workers", event.type === "scale" && after.workers < before.workers);
        count("another number during a reload", event.type === "scale" && before.reload !== null);
        count("a scaling that is refused", event.type === "scale" && before.phase !== "running");
        count(
          "fewer workers than queues",
          results.some(problem => problem?.kind === "too-few-workers"),
        );
        count("those that give up", after.problem?.kind === "gave-up" && before.problem?.kind !== "gave-up");
        count(
          "recycled ones",
          after.generations.some(({ processes }) => processes.some(({ due }) => due)),
        );
        count(
          "backoffs",
          effects.some(effect => effect.type === "set-timer" && effect.timer === "again"),
        );
        // Each of these is seldom, and none is in each run.
        const isEnd = event.type === "stop" || event.type === "cancel";
        count("in the middle", (isEnd && isRolling(before)) || weighs.includes(10));
      });
    }),
    { numRuns: RUNS },
  );
  const rare = [...seen].filter(([what, times]) => times < (what === "in the middle" ? 1 : 20));
  expect(rare).toEqual([]);
});
