// More workers, or fewer.

import { log, type Move } from "./move.js";
import type { Problem } from "./outcome.js";
import { serving } from "./state.js";
import { notScaledLine, scaledLine } from "./words.js";

/** The number that is wanted from now on; arrange.ts makes it so. */
export function scale(move: Move, asker: number | null, workers: number): void {
  const askers = asker === null ? [] : [asker];
  const { queues } = move.config;
  if (move.state.phase !== "running") return refuse(move, askers, { kind: "stopping" });
  if (workers < queues) {
    const problem: Problem = { kind: "too-few-workers", queues };
    log(move, "notice", notScaledLine(workers, problem));
    return refuse(move, askers, problem);
  }
  log(move, "info", scaledLine(move.state.workers, workers));
  const waiting = move.state.scaling ?? [];
  const isAnother = workers !== move.state.workers;
  if (isAnother && waiting.length > 0) refuse(move, waiting, { kind: "rescaled", workers });
  move.state = { ...move.state, workers, scaling: isAnother ? askers : [...waiting, ...askers] };
}

function refuse(move: Move, askers: readonly number[], problem: Problem): void {
  move.effects.push({ type: "result", askers, generation: null, problem });
}

/** For those who asked for another number: that many serve, or `problem` says what happened to one. */
export function answerScaling(move: Move, problem: Problem | null): void {
  const { scaling } = move.state;
  move.state = { ...move.state, scaling: null };
  if (scaling && scaling.length > 0)
    move.effects.push({ type: "result", askers: scaling, generation: serving(move.state)!, problem });
}
