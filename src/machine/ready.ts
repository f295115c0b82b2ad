// From the start of a process to its service.

import { awaitAccepting, awaitsAccepting, checkAccepting } from "./accepting.js";
import { countReload } from "./counts.js";
import { enter, enterDuty, enterProcess } from "./enter.js";
import type { ProcessEvent } from "./events.js";
import { drainLimit, extension, HINT_AFTER, startLimit } from "./limits.js";
import { addressOf, log, type Move, tell, update } from "./move.js";
import { newsOf, newsOfActor } from "./news.js";
import { beginProbe, beginProbes, mustBeProbed } from "./probing.js";
import { limitAge } from "./recycle.js";
import { hasFallenBack, succeed } from "./releases.js";
import { startPending } from "./reloads.js";
import { emptySlots, slotsToFill } from "./start.js";
import {
  type Actor,
  actorsOn,
  type Generation,
  isDoomed,
  isOnDuty,
  isProbed,
  isTrial,
  type State,
  servesIn,
  serving,
} from "./state.js";
import { discharge, drain, kill, retire } from "./stop.js";
import { NEVER, setGenerationTimer, setOwnTimer, setProcessTimer } from "./timers.js";
import { passTrial } from "./trial.js";
import {
  hintLine,
  partlyServingLine,
  readyAfter,
  servingLine,
  settledFor,
  settlingLine,
  startedLine,
  tooLateLine,
  workerReadyLine,
  workerServingLine,
} from "./words.js";

/** The process is there. A stop, or an operator's word, may have come before that. */
export function spawned(move: Move, actor: Actor, pid: number): void {
  const known = update(move, actor, { pid });
  log(move, "info", startedLine(known));
  if (known.process.state === "killing") {
    move.effects.push({ type: "kill", ...addressOf(known) });
    return;
  }
  const running = enterProcess(move, known, "running", null);
  if (running.process.duty === "starting") awaitReadiness(move, running);
  else move.effects.push({ type: "signal", ...addressOf(running), signal: move.config.stopSignal });
}

function awaitReadiness(move: Move, actor: Actor): void {
  const { ready: mode, readyDelay, startTimeout } = move.config;
  if (mode === "exec") {
    ready(move, actor);
  } else if (mode === "delay") {
    setProcessTimer(move, actor, "delay", move.now + readyDelay);
  } else {
    setProcessTimer(move, actor, "start-timeout", move.now + startTimeout);
    if (mode === "accept") awaitAccepting(move, actor);
    else setProcessTimer(move, actor, "hint", move.now + HINT_AFTER);
  }
}

/** READY=1, which only some modes wait for. */
export function saysReady(move: Move, actor: Actor, posthumous: boolean | undefined): void {
  const { ready: mode } = move.config;
  if (mode === "notify") ready(move, actor, posthumous);
  else if (mode === "notify+accept" && actor.process.duty === "starting") awaitAccepting(move, actor);
}

/** Somebody waits for clients on each of the sockets. */
export function accepting(move: Move, actor: Actor, posthumous: boolean | undefined): void {
  if (awaitsAccepting(move.config.ready)) ready(move, actor, posthumous);
}

/** Said once for all workers of a generation. */
export function hint(move: Move, actor: Actor): void {
  log(move, "notice", hintLine(actor, move.config));
  for (const other of actorsOn(actor.generation, "starting")) setProcessTimer(move, other, "hint", NEVER);
}

export function ready(move: Move, actor: Actor, posthumous = false): void {
  const { duty, probe } = actor.process;
  if (duty !== "starting" || probe !== null || isDoomed(actor.process)) return;
  if (posthumous && serving(move.state)) return log(move, "notice", tooLateLine(actor));
  if (mustBeProbed(move, actor.generation)) beginProbes(move, actor);
  else becomeReady(move, actor);
}

/** A probe has passed, or not: what comes of one that has ended meanwhile doesn't count. */
export function probed(move: Move, actor: Actor, event: Extract<ProcessEvent, { type: "probed" }>): void {
  const { probe, failure, posthumous } = event;
  const { probes } = move.config;
  if (posthumous || !isProbed(move.state, event)) return;
  if (failure) kill(move, actor, { kind: "probe", probe: probes[probe]!, failure });
  else if (probe + 1 < probes.length) beginProbe(move, actor, probe + 1);
  else becomeReady(move, update(move, actor, { probe: null }));
}

function becomeReady(move: Move, actor: Actor): void {
  if (isTrial(actor.generation)) return passTrial(move, actor);
  const readied = enterDuty(move, update(move, actor, { wasReady: true }), "settling");
  if (readied.generation.state === "serving") return goOnDuty(move, readied);
  if (!canAdvance(move, readied.generation)) {
    return log(move, "debug", workerReadyLine(readied, move.now - readied.process.startedAt));
  }
  advance(move, readied.generation);
}

/** Whether those of a candidate that have been started are ready. */
export function canAdvance(move: Move, generation: Generation): boolean {
  const { state } = move;
  // Without a timer those that settled aren't wanted any more, or one of them isn't that was doomed.
  const isWaiting = generation.state === "settling" && generation.deadlines.settle === undefined;
  if (!(generation.state === "starting" || isWaiting) || actorsOn(generation, "starting").length > 0) return false;
  // Others have yet to get their turn to boot.
  if (generation.state === "starting" && slotsToFill(move, generation).length > 0) return false;
  const settling = actorsOn(generation, "settling");
  // The end of one that is doomed is the candidate's.
  if (settling.some(({ process }) => isDoomed(process))) return false;
  return settling.length > 0 || emptySlots(state, generation).length === 0;
}

/** They settle, or take over at once. */
export function advance(move: Move, generation: Generation): void {
  const settling = enter(move, generation, "settling");
  const how = readyAfter(move.now - generation.startedAt);
  const current = serving(move.state);
  if (current && isOnDuty(current) && move.config.settle > 0) settle(move, settling, how);
  else promote(move, settling, how);
}

function settle(move: Move, generation: Generation, how: string): void {
  log(move, "info", settlingLine(generation, how, move.config.settle));
  setGenerationTimer(move, generation, "settle", move.now + move.config.settle);
  // The candidate may have got more time for its start than systemd was told at first.
  if (move.state.reload) tell(move, extension(move.config.settle));
}

/** The time that the generation had to settle in is over. */
export function settled(move: Move, generation: Generation): void {
  promote(move, generation, settledFor(move.config.settle));
}

/** It is on duty from now on. */
export function serve(move: Move, actor: Actor): Actor {
  return limitAge(move, enterDuty(move, actor, "serving"));
}

/** A worker of the current generation takes its slot. */
function goOnDuty(move: Move, actor: Actor): void {
  const { generation } = serve(move, actor);
  const duration = move.now - actor.process.startedAt;
  log(move, "info", workerServingLine(actor, duration), newsOfActor("promoted", actor, { duration }));
  const { problem, workers } = move.state;
  const isWhole = Array.from({ length: workers }, (_, slot) => slot).every(slot => servesIn(generation, slot));
  if (isWhole && problem?.kind === "crashed") move.state = { ...move.state, problem: null };
}

/**
 * Those of a candidate that are ready take over: `how` they got there is for the log. When they are all that are wanted, it
 * becomes the current generation; else the next ones are started when there is room for them.
 */
export function promote(move: Move, generation: Generation, how: string): void {
  const old = serving(move.state);
  const settling = actorsOn(generation, "settling");
  const promoted = settling.map(actor => serve(move, actor));
  if (emptySlots(move.state, generation).length > 0) return promoteSome(move, generation, settling, how);
  const current = enter(move, generation, "serving");
  const news = newsOf("promoted", current, { duration: move.now - current.startedAt });
  log(move, "info", servingLine(current, how, old), news);
  // In the state that systemd is told the old ones drain; they hear of that themselves only after READY=1 is out.
  const draining = othersThan(generation, move.state).flatMap(other => retire(move, other));
  const { reload, announced } = move.state;
  const releases = succeed(move.state, current.release);
  // Why it isn't what is on disk stays in STATUS=.
  const problem = hasFallenBack(current) ? move.state.problem : null;
  move.state = { ...move.state, ...releases, announced: true, reload: null, problem };
  if (reload || !announced) tell(move, "READY=1", `MAINPID=${move.config.pid}`);
  for (const actor of draining) drain(move, actor);
  if (move.config.settle > 0) setOwnTimer(move, "remember", move.now + move.config.settle);
  else remember(move);
  for (const actor of promoted) checkAccepting(move, actor);
  if (reload) {
    countReload(move, "succeeded", current.startedAt);
    move.effects.push({ type: "result", askers: reload.askers, generation: current, problem: null });
  }
  startPending(move);
}

/** What serves has served for --settle: it is a release to fall back on, after a restart. */
export function remember(move: Move): void {
  const current = serving(move.state);
  if (current) move.effects.push({ type: "remember", release: current.release });
}

/** Those that it replaces. A trial is no matter of theirs. */
function othersThan({ number }: Generation, { generations }: State): Generation[] {
  return generations.filter(other => other.number !== number && !isTrial(other));
}

function promoteSome(move: Move, generation: Generation, promoted: readonly Actor[], how: string): void {
  const starting = enter(move, generation, "starting");
  const slots = promoted.map(({ process }) => process.slot);
  log(move, "info", partlyServingLine(starting, slots, how));
  const replaced = othersThan(generation, move.state)
    .flatMap(other => actorsOn(other, "starting", "settling", "serving"))
    .filter(({ process }) => slots.includes(process.slot));
  for (const actor of discharge(move, replaced)) drain(move, actor);
  awaitRoom(move);
}

/** Workers drain in a reload, and the next ones may start only when these make room for them: systemd is to wait for both. */
export function awaitRoom(move: Move): void {
  if (move.state.reload) tell(move, extension(drainLimit(move.config) + startLimit(move.config)));
}
