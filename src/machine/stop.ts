// Stopping: of one generation that is replaced, and of all with the supervisor.

import { enter, enterProcess } from "./enter.js";
import { extension } from "./limits.js";
import { addressOf, log, type Move, sendEndSignal, tell } from "./move.js";
import { type Doom, type Problem, worsen } from "./outcome.js";
import { type Actor, abortable, actorsOf, type Generation, hasDied, serving } from "./state.js";
import { NEVER, setGenerationTimer, setOwnTimer } from "./timers.js";
import { statusText, stoppingLine } from "./words.js";

export function stop(move: Move, signal: string): void {
  if (move.state.phase === "running") {
    log(move, "info", stoppingLine(signal));
    return endAll(move, 0, { kind: "stopping" }, serving(move.state)?.number);
  }
  // Whoever presses Ctrl-C again has waited long enough; systemd repeats nothing.
  if (signal === "SIGINT")
    for (const generation of move.state.generations) kill(move, generation, { kind: "interrupted" });
}

/**
 * From here on nothing is started: every generation drains, and the supervisor exits with the last; with `exitStatus`,
 * unless the `decisive` generation then ends otherwise than it was asked to.
 */
export function endAll(move: Move, exitStatus: number, problem: Problem, decisive = 0): void {
  const askers = [...(move.state.reload?.askers ?? []), ...(move.state.pending ?? [])];
  setOwnTimer(move, "restart", NEVER);
  move.state = { ...move.state, phase: "ending", exitStatus, problem, decisive, reload: null, pending: null };
  if (askers.length > 0) {
    const reason: Problem = exitStatus === 0 ? { kind: "stopping" } : problem;
    move.effects.push({ type: "result", askers, generation: null, problem: reason });
  }
  const running = move.state.generations.filter(({ state }) => state !== "draining");
  const draining = running.map(generation => enter(move, generation, "draining"));
  const patience = move.state.generations.length > 0 ? [extension(move.config.stopTimeout)] : [];
  tell(move, "STOPPING=1", ...patience);
  for (const generation of draining) drain(move, generation);
  finishIfEmpty(move);
}

/** The supervisor exits when it ends and no generation is left. */
export function finishIfEmpty(move: Move): void {
  if (move.state.phase !== "ending" || move.state.generations.length > 0) return;
  const { problem } = move.state;
  move.state = { ...move.state, phase: "ended", problem: problem?.kind === "stopping" ? { kind: "stopped" } : problem };
  // systemd shows the last one for as long as the unit is stopped.
  if (statusText(move.state) !== move.state.told) tell(move);
  setOwnTimer(move, "feed", NEVER);
  move.effects.push({ type: "exit", status: move.state.exitStatus });
}

/** Tells a generation that is draining so. */
export function drain(move: Move, generation: Generation): void {
  const told = actorsOf(generation).filter(({ process }) => process.state !== "killing");
  for (const actor of told) sendEndSignal(move, actor, move.config.stopSignal);
  if (told.length === 0 || hasDied(generation)) return;
  setGenerationTimer(move, generation, "stop-timeout", move.now + move.config.stopTimeout);
}

/** All processes of a generation. */
export function kill(move: Move, generation: Generation, why: Doom): void {
  for (const actor of actorsOf(generation)) killProcess(move, actor, why);
}

export function killProcess(move: Move, actor: Actor, why: Doom): void {
  const { state, doom } = actor.process;
  if (state === "dying") return;
  enterProcess(move, actor, "killing", worsen(doom, why));
  if (state !== "killing") move.effects.push({ type: "kill", ...addressOf(actor) });
}

/** An operator aborts the candidate. */
export function cancel(move: Move): void {
  const starting = abortable(move.state);
  if (starting) kill(move, starting, { kind: "cancelled" });
}
