// The ends of processes, and what follows from them for their generations.

import { countCrash, countEnd, countReload } from "./counts.js";
import { dismiss, enter, enterDuty, enterProcess, leave, recordEnd, recordFailure } from "./enter.js";
import type { ProcessEvent } from "./events.js";
import { backoff, CRASH_WINDOW, extension, maxCrashes, startLimit } from "./limits.js";
import { addressOf, log, type Move, tell } from "./move.js";
import { type News, type NewsEvent, newsOn } from "./news.js";
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
import { promote, serve } from "./ready.js";
import { REMEMBERED } from "./releases.js";
import { startPending } from "./reloads.js";
import { startAgain, startGeneration } from "./start.js";
import {
  type Actor,
  abortable,
  actorsOn,
  candidate,
  type Generation,
  isDoomed,
  isOnDuty,
  isTrial,
  named,
  namedActor,
  serving,
} from "./state.js";
import { discharge, drain, endAll, finishIfEmpty, kill } from "./stop.js";
import { setOwnTimer } from "./timers.js";
import { trialFailed } from "./trial.js";
import * as words from "./words.js";
import { answerScaling } from "./workers.js";

/** A process that is gone, as it was with its generation before. */
interface Loss extends Actor {
  readonly who: Named;
  readonly outcome: Outcome;
}

/**
 * The main process has ended. Nothing is decided about this one any more until all others of its cgroup have ended,
 * too.
 */
export function dying(move: Move, actor: Actor): void {
  enterProcess(move, actor, "dying", actor.process.doom);
}

export function exited(move: Move, actor: Actor, end: End): void {
  gone(move, actor, causeOf(actor.process.doom, actor.process.duty, end, move.config));
}

export function spawnFailed(move: Move, actor: Actor, event: Extract<ProcessEvent, { type: "spawn-failed" }>): void {
  gone(move, actor, { kind: "spawn", error: event.error, exitStatus: event.exitStatus });
}

/** A process ended, or never came to be. */
function gone(move: Move, actor: Actor, cause: Cause): void {
  const loss: Loss = { ...actor, who: namedActor(actor), outcome: outcomeOf(actor, cause) };
  const { duty } = actor.process;
  countEnd(move, cause.kind);
  let left = dismiss(move, actor);
  move.effects.push({ type: "release", ...addressOf(actor) });
  const isReplaceable = left.state === "serving" && duty !== "draining";
  if (!isReplaceable) left = recordEnd(move, left, loss.outcome);
  const isOver = left.processes.length === 0 && (left.state !== "serving" || move.state.workers === 1);
  if (isOver) leave(move, { ...left, processes: [{ ...actor.process, deadlines: {} }] }, loss.outcome);
  if (duty === "draining") drained(move, loss);
  else if (isTrial(left)) trialFailed(move, left, loss.who, loss.outcome);
  else if (left.state === "draining") log(move, "err", endLine(loss));
  else if (left.state !== "serving" && isAlone(move, left)) goOnWithout(move, left, loss);
  else if (left.state !== "serving") candidateFailed(move, loss);
  else if (isOver) lost(move, loss);
  else workerLost(move, loss);
  finishIfEmpty(move);
}

/** An operator aborts the candidate: those of it that start are killed. */
export function cancel(move: Move): void {
  const generation = abortable(move.state);
  if (!generation) return;
  const starting = actorsOn(generation, "starting");
  for (const actor of starting) kill(move, actor, { kind: "cancelled" });
  // It waits for room to start more, and serves in some slots.
  if (starting.length > 0) return;
  const process = generation.processes[0]!;
  const outcome = outcomeOf({ generation, process }, { kind: "cancelled", end: { status: 0 } });
  candidateFailed(move, { generation, process, who: named(generation), outcome });
}

function outcomeOf({ process: { duty, reported, status } }: Actor, cause: Cause): Outcome {
  const isKnown = reported !== "" || cause.kind === "probe";
  const mayBeWhy = !isKnown && (duty === "starting" || duty === "settling");
  return { ...cause, state: duty, reported, lastStatus: mayBeWhy ? status : "" };
}

function factsOf({ who, outcome }: Loss): { generation: Named; outcome: Outcome } {
  return { generation: who, outcome };
}

/** @param since when that began which ended so; by default its process was started then */
function newsOf(move: Move, event: NewsEvent, loss: Loss, since = loss.process.startedAt): News {
  const { generation, who, outcome } = loss;
  return newsOn(event, generation, who, { duration: move.now - since, result: outcome.kind });
}

function endLine({ who, outcome }: Loss): string {
  return words.endLine(who, outcome);
}

function drained(move: Move, loss: Loss): void {
  const { who, outcome, generation, process } = loss;
  const clean = endedAsAsked(outcome, move.config);
  // That of a dry run is nobody's.
  const news = isTrial(generation) ? undefined : newsOf(move, clean ? "drained" : "killed", loss, process.toldAt!);
  log(move, clean ? "info" : "warning", words.drainedLine(who, outcome, clean), news);
  if (!clean && generation.number === move.state.decisive) {
    move.state = { ...move.state, exitStatus: exitStatusOf(outcome) };
  }
}

// ── The candidate fails ──────────────────────────────────────────────────────────────────────────────────────────────

function candidateFailed(move: Move, loss: Loss): void {
  const { announced, reload, pending } = move.state;
  const { duty, doom } = loss.process;
  if (duty === "starting" && exitedWithSuccess(loss.outcome)) log(move, "notice", words.daemonLine(loss.who));
  if (!announced) {
    return doom?.kind === "cancelled" && pending ? firstReplaced(move, loss) : firstFailed(move, loss);
  }
  if (reload) return reloadFailed(move, loss, reload.askers);
  // It was to replace one that crashed.
  abandon(move, loss);
  crashed(move, loss, endLine(loss), crash(loss));
}

/** The first start fails, and with it the supervisor. */
function firstFailed(move: Move, loss: Loss): void {
  const problem = { kind: "start-failed", ...factsOf(loss) } as const;
  // An operator who aborts it wants no other one, and what was on disk may be what is remembered.
  const isHopeless = loss.process.doom?.kind === "cancelled" || loss.generation.release === REMEMBERED;
  if (move.state.canFallBack && !isHopeless) return fallBack(move, loss, problem);
  log(move, "err", words.givingUpLine(firstLine(move, loss)), failed(move, loss));
  endAll(move, exitStatusOf(loss.outcome), problem);
}

/** What served before this supervisor is started instead of what is on disk. */
function fallBack(move: Move, loss: Loss, problem: Problem): void {
  log(move, "err", words.fallBackLine(firstLine(move, loss), move.state.lastNumber + 1), failed(move, loss));
  abandon(move, loss);
  const { reload } = move.state;
  move.state = { ...move.state, canFallBack: false, reload: null, problem };
  if (reload) answerFailed(move, loss, reload.askers, problem);
  startGeneration(move, "start", REMEMBERED);
  tell(move, extension(startLimit(move.config)));
}

/** An operator aborted the first start for another one, which is the first then. */
function firstReplaced(move: Move, loss: Loss): void {
  const problem = { kind: "start-failed", ...factsOf(loss) } as const;
  log(move, "err", firstLine(move, loss), failed(move, loss));
  abandon(move, loss);
  const { reload } = move.state;
  move.state = { ...move.state, problem };
  if (reload) answerFailed(move, loss, reload.askers, problem);
  startPending(move);
}

function failed(move: Move, loss: Loss): News {
  return newsOf(move, "failed", loss, loss.generation.startedAt);
}

function firstLine(move: Move, loss: Loss): string {
  return words.startFailedLine(move.now - loss.generation.startedAt, endLine(loss));
}

function answerFailed(move: Move, { generation }: Loss, askers: readonly number[], problem: Problem): void {
  countReload(move, "failed", generation.startedAt);
  move.effects.push({ type: "result", askers, generation, problem });
}

/** The old generation, if there is one, serves on. */
function reloadFailed(move: Move, loss: Loss, askers: readonly number[]): void {
  const current = serving(move.state);
  const still = current && isOnDuty(current) ? named(current) : null;
  const problem: Problem = { kind: "reload-failed", ...factsOf(loss), still };
  recordFailure(move, loss.generation, problem);
  abandon(move, loss);
  move.state = { ...move.state, reload: null, problem };
  tell(move, "READY=1");
  answerFailed(move, loss, askers, problem);
  const line = words.reloadFailedLine(move.now - loss.generation.startedAt, endLine(loss), still);
  if (!current) return crashed(move, loss, line, problem);
  log(move, "err", line, failed(move, loss));
  startPending(move);
}

/** What is left of a candidate that failed drains; those that are ready serve until others do in their slots. */
function abandon(move: Move, { generation: { number } }: Loss): void {
  const left = move.state.generations.find(generation => generation.number === number);
  if (!left) return;
  const abandoned = enter(move, left, "draining");
  for (const actor of actorsOn(abandoned, "settling")) enterDuty(move, actor, "serving");
  for (const actor of discharge(move, actorsOn(abandoned, "starting"))) drain(move, actor);
}

// ── The current one ends ─────────────────────────────────────────────────────────────────────────────────────────────

/** The current generation ended without being told to. */
function lost(move: Move, loss: Loss): void {
  const heir = candidate(move.state);
  const end = endLine(loss);
  if (heir) {
    countCrash(move);
    log(move, "err", words.heirLine(end, heir), newsOf(move, "crashed", loss));
    promoteHeir(move);
  } else if (isDone(loss)) {
    done(move, loss);
  } else {
    crashed(move, loss, end, crash(loss));
  }
}

/** A candidate that settles beside nobody needn't. */
function promoteHeir(move: Move): void {
  const heir = candidate(move.state);
  if (heir?.state === "settling" && !heir.processes.some(isDoomed)) promote(move, heir, words.PREDECESSOR_GONE);
}

/** Whether its work is done: it ended with success, or after it said so, and on its own. */
function isDone({ process: { doom, saidStopping }, outcome }: Loss): boolean {
  return doom === null && (saidStopping || exitedWithSuccess(outcome));
}

function done(move: Move, { process: { saidStopping }, who, outcome }: Loss): void {
  const status = exitedWithSuccess(outcome) ? 0 : exitStatusOf(outcome);
  log(move, "info", words.doneLine(words.endLine(who, outcome), saidStopping));
  endAll(move, status, { kind: "done" });
}

// ── Crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function crash(loss: Loss): Problem {
  return { kind: "crashed", ...factsOf(loss) };
}

/** One of several workers ended without being told to: it alone is started again, from what it was started from. */
function workerLost(move: Move, loss: Loss): void {
  const problem = crash(loss);
  const line = endLine(loss);
  if (givesUp(move, loss, line, problem)) return;
  if (move.state.scaling) answerScaling(move, problem);
  const { slot, restarts } = loss.process;
  const generation = serving(move.state)!;
  if (actorsOn(generation, "starting").some(({ process }) => process.slot === slot)) {
    // Its successor is under way.
    log(move, "err", line, newsOf(move, "crashed", loss));
  } else {
    const crashes = [...loss.process.crashes.filter(time => move.now - time < CRASH_WINDOW), move.now];
    const delay = backoff(crashes.length);
    log(move, "err", words.workerAgainLine(line, delay), newsOf(move, "crashed", loss));
    startAgain(move, generation, slot, { restarts: restarts + 1, crashes, last: loss.outcome }, delay);
  }
  if (!isOnDuty(serving(move.state)!)) promoteHeir(move);
}

/** Whether no reload began it, but a crash of what served before: with workers of it left, it is all that there is. */
function isAlone(move: Move, { processes }: Generation): boolean {
  return move.state.announced && !move.state.reload && processes.length > 0;
}

/** One of its workers has failed, and the others serve as soon as they can. */
function goOnWithout(move: Move, generation: Generation, loss: Loss): void {
  for (const actor of actorsOn(generation, "settling")) serve(move, actor);
  enter(move, generation, "serving");
  workerLost(move, loss);
  startPending(move);
}

/**
 * Nothing serves any more, and nothing starts: what served last is started again, whatever is on disk, or all ends. `line`
 * and `problem` are for log and STATUS=.
 */
function crashed(move: Move, loss: Loss, line: string, problem: Problem): void {
  if (givesUp(move, loss, line, problem)) return;
  // A reload that was asked for meanwhile may bring the cure: it doesn't wait.
  const delay = move.state.pending ? 0 : backoff(move.state.crashes.length);
  const news = problem.kind === "reload-failed" ? failed(move, loss) : newsOf(move, "crashed", loss);
  log(move, "err", words.restartLine(line, move.state.lastNumber + 1, delay), news);
  if (move.state.pending) startPending(move);
  else if (delay === 0) startGeneration(move, "crash", move.state.release);
  else setOwnTimer(move, "restart", move.now + delay);
}

/** One more crash. @returns whether that is too many, and everything ends */
function givesUp(move: Move, loss: Loss, line: string, problem: Problem): boolean {
  const { config, now } = move;
  countCrash(move);
  const crashes = [...move.state.crashes.filter(time => now - time < CRASH_WINDOW), now];
  move.state = { ...move.state, crashes, problem };
  if (config.onCrash !== "exit" && crashes.length <= maxCrashes(move.state.workers)) return false;
  log(move, "err", words.gaveUpLine(line, crashes.length, config), newsOf(move, "gave-up", loss));
  endAll(move, exitStatusOf(loss.outcome), { kind: "gave-up", ...factsOf(loss) });
  return true;
}
