// Stopping: of what is replaced, and of all with the supervisor.

import { dismiss, enter, enterDuty, enterProcess, leave } from "./enter.js";
import { drainLimit, extension } from "./limits.js";
import { addressOf, log, type Move, sendEndSignal, tell } from "./move.js";
import { type Doom, type Problem, worsen } from "./outcome.js";
import { type Actor, actorsOf, actorsOn, type Generation, isLeaving, isTrial, serving } from "./state.js";
import { statusText } from "./status-text.js";
import { NEVER, setOwnTimer, setProcessTimer } from "./timers.js";
import { leaveTimeoutLine, leavingLine, stoppingLine } from "./words.js";

export function stop(move: Move, signal: string): void {
  if (move.state.phase === "running") {
    log(move, "info", stoppingLine(signal));
    return endAll(move, 0, { kind: "stopping" }, serving(move.state)?.number);
  }
  // Whoever presses Ctrl-C again has waited long enough; systemd repeats nothing.
  if (signal === "SIGINT")
    for (const actor of move.state.generations.flatMap(actorsOf)) kill(move, actor, { kind: "interrupted" });
}

/**
 * From here on nothing is started: every generation drains, and the supervisor exits with the last; with `exitStatus`,
 * unless the `decisive` generation then ends otherwise than it was asked to.
 */
export function endAll(move: Move, exitStatus: number, problem: Problem, decisive = 0): void {
  const { reload, pending, scaling, trying } = move.state;
  const waiting = [...(reload?.askers ?? []), ...(pending?.askers ?? []), ...(scaling ?? [])];
  const askers = trying === null ? waiting : [...waiting, trying];
  setOwnTimer(move, "restart", NEVER);
  setOwnTimer(move, "remember", NEVER);
  const nothing = { reload: null, pending: null, scaling: null, trying: null };
  move.state = { ...move.state, phase: "ending", exitStatus, problem, decisive, ...nothing };
  if (askers.length > 0) {
    const reason: Problem = exitStatus === 0 ? { kind: "stopping" } : problem;
    move.effects.push({ type: "result", askers, generation: null, problem: reason });
  }
  const draining = move.state.generations.flatMap(generation => retire(move, generation));
  const patience = move.state.generations.length > 0 ? [extension(drainLimit(move.config))] : [];
  tell(move, "STOPPING=1", ...patience);
  for (const actor of draining) drain(move, actor);
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

/** A generation is to drain, with all that is in it. @returns those of them that have yet to be told */
export function retire(move: Move, generation: Generation): Actor[] {
  const retired = enter(move, generation, "draining");
  if (retired.processes.length === 0) leave(move, retired, null);
  return discharge(move, actorsOn(retired, "starting", "settling", "serving"));
}

/** Processes are to drain; those that still wait for a backoff never start. @returns those that have yet to be told */
export function discharge(move: Move, actors: readonly Actor[]): Actor[] {
  const [waiting, others] = [true, false].map(isWaiting =>
    actors.filter(({ process }) => (process.state === "waiting") === isWaiting),
  ) as [Actor[], Actor[]];
  const draining = others.map(actor => enterDuty(move, actor, "draining"));
  for (const actor of waiting) {
    const left = dismiss(move, actor);
    if (left.state === "draining" && left.processes.length === 0) leave(move, left, actor.process.last);
  }
  return draining;
}

/** Tells a process that is draining so; where others are to be told first, when they have been. */
export function drain(move: Move, actor: Actor): void {
  const { state, wasReady } = actor.process;
  const { beforeDrain } = move.config;
  if (state === "killing") return;
  if (beforeDrain === 0 || !wasReady || state !== "running" || isTrial(actor.generation))
    return tellToStop(move, actor);
  log(move, "info", leavingLine(actor));
  setProcessTimer(move, actor, "leave-timeout", move.now + beforeDrain);
  move.effects.push({ type: "leave", ...addressOf(actor) });
}

/** --before-drain has run for it. That may have taken too long. */
export function left(move: Move, actor: Actor): void {
  if (isLeaving(move.state, addressOf(actor))) tellToStop(move, setProcessTimer(move, actor, "leave-timeout", NEVER));
}

/** The time of --before-drain is over, and it still runs. */
export function leavesTooLong(move: Move, actor: Actor): void {
  log(move, "warning", leaveTimeoutLine(actor, move.config.beforeDrain));
  tellToStop(move, actor);
}

function tellToStop(move: Move, actor: Actor): void {
  const { state } = actor.process;
  sendEndSignal(move, actor, move.config.stopSignal);
  if (state !== "dying") setProcessTimer(move, actor, "stop-timeout", move.now + move.config.stopTimeout);
}

export function kill(move: Move, actor: Actor, why: Doom): void {
  const { state, doom } = actor.process;
  if (state === "dying") return;
  enterProcess(move, actor, "killing", worsen(doom, why));
  if (state !== "killing") move.effects.push({ type: "kill", ...addressOf(actor) });
}
