// The ends of generations, and what follows from them.

import { enterProcess, leave } from "./enter.js";
import type { ProcessEvent } from "./events.js";
import { backoff, CRASH_WINDOW, MAX_CRASHES, MAX_ENDED } from "./limits.js";
import { addressOf, log, type Move, tell } from "./move.js";
import {
  type Cause,
  causeOf,
  type End,
  endedAsAsked,
  exitedWithSuccess,
  exitStatusOf,
  type Named,
  type Outcome,
  type Problem,
} from "./outcome.js";
import { promote } from "./ready.js";
import { startPending } from "./reloads.js";
import { startGeneration } from "./start.js";
import { type Actor, candidate, type Ended, type Generation, hasDied, isDoomed, named, serving } from "./state.js";
import { endAll, finishIfEmpty } from "./stop.js";
import { setOwnTimer } from "./timers.js";
import * as words from "./words.js";

/** Its main process has ended. Nothing is decided about it any more until all others have. */
export function dying(move: Move, actor: Actor): void {
  enterProcess(move, actor, "dying", actor.process.doom);
}

export function exited(move: Move, actor: Actor, end: End): void {
  gone(move, actor, causeOf(actor.process.doom, actor.generation.state, end, move.config));
}

export function spawnFailed(move: Move, actor: Actor, event: Extract<ProcessEvent, { type: "spawn-failed" }>): void {
  gone(move, actor, { kind: "spawn", error: event.error, exitStatus: event.exitStatus });
}

/** A generation ended, or never came to be. */
function gone(move: Move, actor: Actor, cause: Cause): void {
  const left = leave(move, actor.generation);
  move.effects.push({ type: "release", ...addressOf(actor) });
  const ended = remember(move, left, outcomeOf(actor, cause));
  if (left.state === "draining") drained(move, ended);
  else if (left.state === "serving") lost(move, ended);
  else candidateFailed(move, ended);
  finishIfEmpty(move);
}

function outcomeOf({ generation: { state }, process: { reported, status } }: Actor, cause: Cause): Outcome {
  const mayBeWhy = reported === "" && (state === "starting" || state === "settling");
  return { ...cause, state, reported, lastStatus: mayBeWhy ? status : "" };
}

function factsOf(ended: Ended): { generation: Named; outcome: Outcome } {
  return { generation: named(ended), outcome: ended.outcome };
}

function remember(move: Move, left: Generation, outcome: Outcome): Ended {
  const ended = { ...left, endedAt: move.now, outcome, failure: null };
  move.state = { ...move.state, ended: [...move.state.ended, ended].slice(-MAX_ENDED) };
  return ended;
}

function drained(move: Move, ended: Ended): void {
  const clean = endedAsAsked(ended.outcome, move.config);
  log(move, clean ? "info" : "warning", words.drainedLine(ended, clean));
  if (!clean && ended.number === move.state.decisive) {
    move.state = { ...move.state, exitStatus: exitStatusOf(ended.outcome) };
  }
}

// ── The candidate fails ──────────────────────────────────────────────────────────────────────────────────────────────

function candidateFailed(move: Move, ended: Ended): void {
  const { announced, reload, pending } = move.state;
  if (ended.state === "starting" && exitedWithSuccess(ended.outcome)) log(move, "notice", words.daemonLine(ended));
  const isCancelled = ended.processes.some(({ doom }) => doom?.kind === "cancelled");
  if (!announced) return isCancelled && pending ? firstReplaced(move, ended) : firstFailed(move, ended);
  if (reload) return reloadFailed(move, ended, reload.askers);
  // It was to replace one that crashed.
  crashed(move, ended, words.endLine(ended), crash(ended));
}

/** The first start fails, and with it the supervisor. */
function firstFailed(move: Move, ended: Ended): void {
  const problem = { kind: "start-failed", ...factsOf(ended) } as const;
  log(move, "err", words.givingUpLine(firstLine(move, ended)));
  endAll(move, exitStatusOf(ended.outcome), problem);
}

/** An operator aborted the first start for another one, which is the first then. */
function firstReplaced(move: Move, ended: Ended): void {
  const problem = { kind: "start-failed", ...factsOf(ended) } as const;
  log(move, "err", firstLine(move, ended));
  const { reload } = move.state;
  move.state = { ...move.state, problem };
  if (reload) move.effects.push({ type: "result", askers: reload.askers, generation: ended, problem });
  startPending(move);
}

function firstLine(move: Move, ended: Ended): string {
  return words.startFailedLine(move.now - ended.startedAt, words.endLine(ended));
}

/** The old generation, if there is one, serves on. */
function reloadFailed(move: Move, ended: Ended, askers: readonly number[]): void {
  const current = serving(move.state);
  const still = current && !hasDied(current) ? named(current) : null;
  const problem: Problem = { kind: "reload-failed", ...factsOf(ended), still };
  const remembered = move.state.ended.with(-1, { ...ended, failure: problem });
  move.state = { ...move.state, reload: null, problem, ended: remembered };
  tell(move, "READY=1");
  move.effects.push({ type: "result", askers, generation: ended, problem });
  const end = words.endLine(ended);
  const line = words.reloadFailedLine(move.now - ended.startedAt, end, still);
  if (!current) return crashed(move, ended, line, problem);
  log(move, "err", line);
  startPending(move);
}

// ── The current one ends ─────────────────────────────────────────────────────────────────────────────────────────────

/** The current generation ended without being told to. */
function lost(move: Move, ended: Ended): void {
  const heir = candidate(move.state);
  const end = words.endLine(ended);
  if (heir) {
    log(move, "err", words.heirLine(end, heir));
    if (heir.state === "settling" && !heir.processes.some(isDoomed)) promote(move, heir, words.PREDECESSOR_GONE);
  } else if (isDone(ended)) {
    done(move, ended);
  } else {
    crashed(move, ended, end, crash(ended));
  }
}

/** Whether its work is done: it ended with success, or after it said so, and on its own. */
function isDone(ended: Ended): boolean {
  const isOnItsOwn = ended.processes.every(({ doom }) => doom === null);
  return isOnItsOwn && (saidStopping(ended) || exitedWithSuccess(ended.outcome));
}

function done(move: Move, ended: Ended): void {
  const status = exitedWithSuccess(ended.outcome) ? 0 : exitStatusOf(ended.outcome);
  log(move, "info", words.doneLine(words.endLine(ended), saidStopping(ended)));
  endAll(move, status, { kind: "done" });
}

function saidStopping({ processes }: Ended): boolean {
  return processes.every(({ saidStopping }) => saidStopping);
}

// ── Crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function crash(ended: Ended): Problem {
  return { kind: "crashed", ...factsOf(ended) };
}

/** Nothing serves any more, and nothing starts: start again, or give up. `line` and `problem` are for log and STATUS=. */
function crashed(move: Move, ended: Ended, line: string, problem: Problem): void {
  const crashes = [...move.state.crashes.filter(time => move.now - time < CRASH_WINDOW), move.now];
  move.state = { ...move.state, crashes, problem };
  if (move.config.onCrash === "exit" || crashes.length > MAX_CRASHES) {
    log(move, "err", words.gaveUpLine(line, crashes.length, move.config));
    const reason = { kind: "gave-up", ...factsOf(ended) } as const;
    return endAll(move, exitStatusOf(ended.outcome), reason);
  }
  // A reload that was asked for meanwhile may bring the cure: it doesn't wait.
  const delay = move.state.pending ? 0 : backoff(crashes.length);
  log(move, "err", words.restartLine(line, move.state.lastNumber + 1, delay));
  if (move.state.pending) startPending(move);
  else if (delay === 0) startGeneration(move, "crash");
  else setOwnTimer(move, "restart", move.now + delay);
}
