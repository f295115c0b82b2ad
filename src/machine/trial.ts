// Trials: what is on disk is started without the sockets, must become ready and pass the probes, and is ended then. What
// serves is not touched, and systemd is told nothing.

import { begin } from "./enter.js";
import { log, type Move, update } from "./move.js";
import type { Named, Outcome, Problem } from "./outcome.js";
import { startWorker } from "./start.js";
import { type Actor, actorsOn, candidate, type Generation, isTrial, named } from "./state.js";
import { drain, kill, retire } from "./stop.js";
import { trialFailedLine, trialOvertakenLine, triedLine, tryingLine } from "./trial-words.js";
import { endLine } from "./words.js";

/** One process is enough, however many workers are wanted. */
export function tryOut(move: Move, asker: number): void {
  const { phase, trying } = move.state;
  const isBusy = candidate(move.state) !== undefined || trying !== null;
  if (phase !== "running" || isBusy) {
    const problem: Problem = { kind: phase === "running" ? "busy" : "stopping" };
    move.effects.push({ type: "result", askers: [asker], generation: null, problem });
    return;
  }
  move.state = { ...move.state, trying: asker };
  const generation = begin(move, "trial", null);
  log(move, "info", tryingLine(named(generation)));
  startWorker(move, generation, 0);
}

/** It is ready, and has passed the probes. */
export function passTrial(move: Move, actor: Actor): void {
  const { generation } = update(move, actor, { wasReady: true });
  log(move, "info", triedLine(actor, move.now - generation.startedAt));
  answerTrial(move, generation, null);
  for (const other of retire(move, generation)) drain(move, other);
}

/** It has ended before that. */
export function trialFailed(move: Move, generation: Generation, who: Named, outcome: Outcome): void {
  log(move, "warning", trialFailedLine(move.now - generation.startedAt, endLine(who, outcome)));
  answerTrial(move, generation, { kind: "trial-failed", generation: who, outcome });
}

/** A reload is for what serves; a trial can be asked for again. */
export function overtakeTrial(move: Move): void {
  for (const generation of move.state.generations.filter(isTrial)) {
    const starting = actorsOn(generation, "starting");
    if (starting.length > 0) log(move, "notice", trialOvertakenLine(named(generation)));
    for (const actor of starting) kill(move, actor, { kind: "cancelled" });
  }
}

function answerTrial(move: Move, generation: Generation, problem: Problem | null): void {
  const { trying } = move.state;
  move.state = { ...move.state, trying: null };
  move.effects.push({ type: "result", askers: [trying!], generation, problem });
}
