// The rules of gentle boots, for a bystander: docs/contracts.md 6. As in worker-rules.ts.

import { findActor } from "../../src/machine/state.js";
import type { Crew, Worker } from "./crew.js";
import { check } from "./invariants.js";
import type { WorkerScene } from "./worker-rules.js";

/** Whether it isn't ready, nor on its way out. */
function isBooting({ isReady, probe, toldAt, doomed }: Worker): boolean {
  return !isReady && probe === undefined && toldAt === undefined && !doomed;
}

/** Less than usual has only who boots while another one is ready in its slot; and it has that at once, and no longer. */
export function bootsAreGentle({ step: { after }, config, crew, weights }: WorkerScene): void {
  const dutyOf = ({ generation, process }: Worker) => findActor(after, generation, process)?.process.duty;
  for (const worker of crew.present.filter(({ doomed }) => !doomed)) {
    const key = `${worker.generation}/${worker.process}`;
    const weight = weights.get(key);
    const others = crew.serving.filter(({ slot }) => slot === worker.slot);
    const mayBeGentle = isBooting(worker) && others.length > 0;
    check(weight === 100 || mayBeGentle, `${key} has the weight ${weight}`);
    // One that has settled serves when its predecessor has ended; one that isn't there yet may be told already.
    const mustBeGentle =
      mayBeGentle && dutyOf(worker) === "starting" && others.some(other => dutyOf(other) === "serving");
    check(weight === config.bootWeight || !mustBeGentle, `${key} boots with the weight ${weight}`);
  }
}

/** Where others serve, another one starts only while fewer than that boot. */
export function bootsAreFew({ step: { effects, after }, config, crew }: WorkerScene): void {
  const dutyOf = ({ generation, process }: Worker) => findActor(after, generation, process)?.process.duty;
  // One that settles doesn't serve yet, and one that isn't there yet is told to stop as soon as it is.
  const isServed = ({ slot }: Worker) => crew.serving.some(other => other.slot === slot && dutyOf(other) === "serving");
  const isWanted = (worker: Worker) => dutyOf(worker) !== "draining";
  for (const effect of effects) {
    if (effect.type !== "spawn") continue;
    const started = crew.find(effect);
    if (!started || started.isTrial || !isServed(started)) continue;
    const booting = bootingIn(crew, started.generation).filter(worker => isServed(worker) && isWanted(worker)).length;
    check(booting <= config.bootParallel, `${booting} boot at a time, with --boot-parallel ${config.bootParallel}`);
  }
}

function bootingIn(crew: Crew, number: number): Worker[] {
  return crew.present.filter(worker => worker.generation === number && isBooting(worker));
}
