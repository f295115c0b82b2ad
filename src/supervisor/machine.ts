// What the supervisor decides: state + event → state + effects, and nothing else. Processes, sockets and clocks live in
// supervisor.ts, which feeds events in and carries effects out, in their order.
//
// Times are microseconds of CLOCK_MONOTONIC.

import { constants } from "node:os";
import { formatTimeSpan } from "../systemd/time-span.js";
import type { Config, Effect, End, Event, Failure, Generation, ReloadRequest, State, TimerName } from "./model.js";
import { candidate, serving } from "./model.js";
import {
  clearRestart,
  clearTimer,
  feed,
  find,
  log,
  type Move,
  sendEndSignal,
  sendSignal,
  setDeadline,
  setTimer,
  tell,
  update,
} from "./move.js";
import { capital, daemonText, failureText, hintText, name, statusText } from "./texts.js";
import { abort, beginFeeding, isDoomed, prolong, setFeedTimer, watch } from "./watchdogs.js";

const MAX_CRASHES = 5;
const CRASH_WINDOW = 10e6;
const FIRST_BACKOFF = 0.1e6;
const HINT_AFTER = 5e6;
/** Ends that are remembered. */
const MAX_ENDED = 5;
/**
 * With Type=notify-reload systemd (253 to 258) sends the reload signal and then starts ExecReload=. By the kernel's clock
 * for process starts, of 10 ms, that command may seem to be older than the generation the signal started.
 */
const SAME_REQUEST = 0.05e6;
/** What systemd is asked to wait beyond our own limits. */
const MARGIN = 5e6;
/** What STATUS= says from the stop to the end. */
const STOPPING = "Stopping";

// sysexits.h
const EX_UNAVAILABLE = 69;
const EX_TEMPFAIL = 75;

export function step(state: State, event: Event, config: Config): [State, readonly Effect[]] {
  if (state.phase === "ended") return [state, []];
  const move: Move = { state, effects: [], config, now: event.now };
  handle(move, event);
  if (statusText(move.state) !== move.state.told) tell(move);
  return [move.state, move.effects];
}

function handle(move: Move, event: Event): void {
  switch (event.type) {
    case "start":
      startGeneration(move, "start");
      return tell(move, extension(startLimit(move.config)), ...beginFeeding(move));
    case "reload":
      return requestReload(move, event);
    case "cancel":
      return cancel(move);
    case "stop":
      return stop(move, event.signal);
    case "pass":
      for (const generation of move.state.generations) {
        if (generation.wasReady) sendSignal(move, generation, event.signal);
      }
      return;
    case "restart":
      return restart(move);
    case "feed":
      feed(move);
      return setFeedTimer(move);
  }
  // Everything else is about one generation; what comes late, about one that is gone, means nothing.
  const generation = move.state.generations.find(({ number }) => number === event.generation);
  if (!generation) return;
  switch (event.type) {
    case "spawned":
      return spawned(move, generation, event.pid);
    case "spawn-failed":
      return gone(move, generation, { text: `could not be started: ${event.text}`, exitStatus: event.exitStatus });
    case "ready":
      return ready(move, generation, event.posthumous);
    case "notified":
      return notified(move, generation, event);
    case "dying":
      return dying(move, generation);
    case "exited":
      return exited(move, generation, event.end);
    case "timer":
      return timeUp(move, generation, event.timer);
  }
}

// ── Starting ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function startGeneration(move: Move, cause: Generation["cause"]): void {
  const number = move.state.lastNumber + 1;
  const generation: Generation = {
    number,
    pid: null,
    state: "starting",
    startedAt: move.now,
    deadline: Number.POSITIVE_INFINITY,
    wasReady: false,
    status: "",
    stopping: false,
    watchdog: move.config.watchdog,
    watched: false,
    aborted: "",
    killed: false,
    dying: false,
    cancelled: false,
    cause,
    reported: "",
  };
  move.state = { ...move.state, lastNumber: number, generations: [...move.state.generations, generation] };
  move.effects.push({ type: "spawn", generation: number });
}

function spawned(move: Move, generation: Generation, pid: number): void {
  update(move, generation.number, { pid });
  log(move, "info", `generation ${generation.number} (pid ${pid}) started`);
  const { ready: mode, readyDelay, startTimeout, stopSignal } = move.config;
  // A stop, or an operator's word, may have come between the decision to start it and its start.
  if (generation.killed) {
    move.effects.push({ type: "kill", generation: generation.number });
  } else if (generation.state === "draining") {
    move.effects.push({ type: "signal", generation: generation.number, signal: stopSignal });
  } else if (mode === "exec") {
    ready(move, find(move, generation.number));
  } else if (mode === "delay") {
    setTimer(move, generation.number, "delay", move.now + readyDelay);
  } else {
    setDeadline(move, generation.number, "start-timeout", move.now + startTimeout);
    setTimer(move, generation.number, "hint", move.now + HINT_AFTER);
  }
}

function ready(move: Move, generation: Generation, posthumous = false): void {
  if (generation.state !== "starting" || isDoomed(generation)) return;
  if (posthumous && serving(move.state)) {
    return log(move, "notice", `${name(generation)} was ready, but has ended already: nothing is handed over to it`);
  }
  clearTimer(move, generation.number, "start-timeout", "hint", "delay");
  update(move, generation.number, { state: "settling", wasReady: true });
  const after = `ready after ${formatTimeSpan(move.now - generation.startedAt)}`;
  const current = serving(move.state);
  if (current && !current.dying && move.config.settle > 0) {
    log(move, "info", `${name(generation)} ${after}; settling for ${formatTimeSpan(move.config.settle)}`);
    setTimer(move, generation.number, "settle", move.now + move.config.settle);
    // It may have got more time for its start than systemd was told of at first.
    if (move.state.reload) tell(move, extension(move.config.settle));
  } else {
    promote(move, find(move, generation.number), after);
  }
}

function promote(move: Move, generation: Generation, how: string): void {
  const old = serving(move.state);
  clearTimer(move, generation.number, "settle");
  update(move, generation.number, { state: "serving" });
  log(move, "info", `${name(generation)} serving: ${how}${old ? `. Draining ${name(old)}` : ""}`);
  // The state that systemd is told has the old one draining; it hears of it only after READY=1 is out.
  if (old) update(move, old.number, { state: "draining" });
  const { reload, announced } = move.state;
  move.state = { ...move.state, announced: true, reload: null, problem: "" };
  if (reload || !announced) tell(move, "READY=1", `MAINPID=${move.config.pid}`);
  if (old) drain(move, find(move, old.number));
  if (reload)
    move.effects.push({
      type: "result",
      askers: reload.askers,
      generation: find(move, generation.number),
      error: null,
    });
  startPending(move);
}

// ── Reloading ────────────────────────────────────────────────────────────────────────────────────────────────────────

function requestReload(move: Move, { asker, since, replace }: ReloadRequest): void {
  const askers = asker === null ? [] : [asker];
  const starting = candidate(move.state);
  if (move.state.phase !== "running") {
    move.effects.push({ type: "result", askers, generation: null, error: "the service is stopping" });
  } else if (since !== null && isAnswered(move, askers, since)) {
    log(move, "debug", "reload asked for by signal and by command at once: it is one reload");
  } else if (starting) {
    // Its code may be older than the request: one more reload follows, for all who ask meanwhile.
    if (!move.state.pending)
      log(move, "info", `reload asked for while ${name(starting)} is starting: one more follows`);
    move.state = { ...move.state, pending: [...(move.state.pending ?? []), ...askers] };
    if (replace) cancel(move);
  } else {
    beginReload(move, askers, asker === null ? "signal" : "command");
  }
}

/** Whether a generation that was started since answers the request: then it has, or will have, that one's result. */
function isAnswered(move: Move, askers: readonly number[], since: number): boolean {
  const { reload, generations, ended } = move.state;
  const answers = ({ cause, startedAt }: Generation) =>
    (cause === "signal" && startedAt >= since - SAME_REQUEST) || (cause === "command" && startedAt >= since);
  const answer = generations.findLast(answers);
  const past = ended.findLast(answers);
  if (answer && answer === candidate(move.state)) {
    // What a reload has started is a candidate for as long as that reload runs.
    move.state = { ...move.state, reload: { askers: [...reload!.askers, ...askers] } };
  } else if (answer) {
    move.effects.push({ type: "result", askers, generation: answer, error: null });
  } else if (past) {
    move.effects.push({ type: "result", askers, generation: past, error: past.failure });
  }
  return answer !== undefined || past !== undefined;
}

function beginReload(move: Move, askers: readonly number[], cause: Generation["cause"]): void {
  clearRestart(move);
  // Why nothing serves is told until something does.
  const problem = serving(move.state) ? "" : move.state.problem;
  move.state = { ...move.state, reload: { askers }, problem };
  startGeneration(move, cause);
  const patience = extension(startLimit(move.config));
  if (move.state.announced) tell(move, "RELOADING=1", `MONOTONIC_USEC=${Math.floor(move.now)}`, patience);
  else tell(move, patience);
}

/** One that settles has requests to answer already: it is not for killing. */
function cancel(move: Move): void {
  const starting = candidate(move.state);
  if (starting?.state !== "starting" || starting.dying) return;
  update(move, starting.number, { cancelled: true });
  kill(move, find(move, starting.number));
}

function startPending(move: Move): void {
  const { pending } = move.state;
  if (!pending) return;
  move.state = { ...move.state, pending: null };
  beginReload(move, pending, pending.length > 0 ? "command" : "signal");
}

// ── What a generation says ───────────────────────────────────────────────────────────────────────────────────────────

function notified(move: Move, generation: Generation, message: Extract<Event, { type: "notified" }>): void {
  const { number } = generation;
  if (message.status !== undefined) update(move, number, { status: message.status });
  if (message.reported !== undefined) update(move, number, { reported: message.reported });
  if (message.stopping && !generation.stopping) {
    update(move, number, { stopping: true });
    clearTimer(move, number, "watchdog");
    log(move, "info", `${name(generation)} says it is stopping`);
  }
  if (message.extend !== undefined) extend(move, find(move, number), message.extend);
  if (message.watchdogTimeout !== undefined) update(move, number, { watchdog: message.watchdogTimeout });
  if (message.watchdog === "trigger") abort(move, find(move, number), "triggered its watchdog");
  else if (message.watchdog || message.watchdogTimeout !== undefined) watch(move, find(move, number));
  if (message.ready && move.config.ready === "notify") ready(move, find(move, number), message.posthumous);
}

function extend(move: Move, generation: Generation, microseconds: number): void {
  const deadline = Math.max(generation.deadline, move.now + microseconds);
  const ending = move.state.phase === "ending";
  prolong(move, generation, microseconds);
  if (generation.killed || generation.dying) return;
  if (generation.state !== "starting" && generation.state !== "draining") return;
  setDeadline(move, generation.number, generation.state === "starting" ? "start-timeout" : "stop-timeout", deadline);
  // systemd waits for a start, a reload or a stop; of a generation that drains at leisure it knows nothing.
  if (ending || (generation.state === "starting" && (move.state.reload || !move.state.announced))) {
    tell(move, extension(microseconds));
  }
}

// ── Ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Nothing is decided about it any more, until it is gone. */
function dying(move: Move, { number }: Generation): void {
  update(move, number, { dying: true });
  clearTimer(move, number, "hint", "delay", "start-timeout", "settle", "stop-timeout", "watchdog", "abort-timeout");
}

function exited(move: Move, generation: Generation, end: End): void {
  const timedOut = generation.killed && !generation.aborted && generation.state === "starting";
  const text = failureText(generation, end, endedAsAsked(move.config, end));
  if (generation.state === "starting" && isSuccess(end) && !generation.cancelled)
    log(move, "notice", daemonText(generation));
  gone(move, generation, { text, exitStatus: timedOut ? EX_TEMPFAIL : exitStatusOf(end) }, end);
}

/** A generation is no more: it ended (`end`) or never came to be. */
function gone(move: Move, generation: Generation, failure: Failure, end?: End): void {
  const { number } = generation;
  move.effects.push({ type: "release", generation: number });
  const ended = [...move.state.ended, { ...generation, endedAt: move.now, end: failure.text, failure: null }];
  const generations = move.state.generations.filter(other => other.number !== number);
  move.state = { ...move.state, generations, ended: ended.slice(-MAX_ENDED) };
  if (generation.state === "draining") drained(move, generation, failure, end);
  else if (generation.state === "serving") lost(move, generation, failure, end);
  else candidateFailed(move, generation, failure);
  if (move.state.phase === "ending" && move.state.generations.length === 0) finish(move);
}

function drained(move: Move, generation: Generation, failure: Failure, end: End | undefined): void {
  const clean = endedAsAsked(move.config, end);
  log(move, clean ? "info" : "warning", `${name(generation)} ${clean ? "drained and " : ""}${failure.text}`);
  if (!clean && generation.number === move.state.decisive) {
    move.state = { ...move.state, exitStatus: failure.exitStatus };
  }
}

function candidateFailed(move: Move, generation: Generation, failure: Failure): void {
  const current = serving(move.state);
  const { reload, announced, pending } = move.state;
  const after = `after ${formatTimeSpan(move.now - generation.startedAt)}`;
  const text = `${name(generation)} ${failure.text}`;
  if (!announced && generation.cancelled && pending) {
    log(move, "err", `start failed ${after}: ${text}`);
    move.state = { ...move.state, problem: `Start failed: generation ${generation.number} ${failure.text}` };
    if (reload) move.effects.push({ type: "result", askers: reload.askers, generation, error: move.state.problem });
    return startPending(move);
  }
  if (!announced) {
    log(move, "err", `start failed ${after}: ${text}. Giving up`);
    return end(move, failure.exitStatus, `Start failed: generation ${generation.number} ${failure.text}`);
  }
  if (!reload) return crashed(move, generation, failure, text, capital(text));
  const still = current && !current.dying ? `${capital(name(current))} still serving` : "No generation is serving";
  const problem = `Reload failed: generation ${generation.number} ${failure.text}`;
  move.state = { ...move.state, reload: null, problem };
  tell(move, "READY=1");
  const error = `${problem}. ${still}`;
  const ended = move.state.ended.with(-1, { ...move.state.ended.at(-1)!, failure: error });
  move.state = { ...move.state, ended };
  move.effects.push({ type: "result", askers: reload.askers, generation, error });
  const line = `reload failed ${after}: ${text}. ${still}`;
  if (!current) return crashed(move, generation, failure, line, problem);
  log(move, "err", line);
  startPending(move);
}

/** The current generation ended without being told to. */
function lost(move: Move, generation: Generation, failure: Failure, exit: End | undefined): void {
  const heir = candidate(move.state);
  const text = `${name(generation)} ${failure.text}`;
  if (heir) {
    log(move, "err", `${text} while serving. ${capital(name(heir))} is to replace it`);
    if (heir.state === "settling" && !isDoomed(heir)) promote(move, heir, "the generation before it is gone");
  } else if (!generation.aborted && (generation.stopping || isSuccess(exit))) {
    const status = isSuccess(exit) ? 0 : failure.exitStatus;
    log(move, "info", `${text} ${generation.stopping ? "as it said it would" : "on its own"}: the work is done`);
    end(move, status, "The work is done");
  } else {
    crashed(move, generation, failure, text, capital(text));
  }
}

/** Nothing serves any more, and nothing starts: start anew, or give up. `text` and `problem` are for log and STATUS=. */
function crashed(move: Move, generation: Generation, failure: Failure, text: string, problem: string): void {
  const crashes = [...move.state.crashes.filter(time => move.now - time < CRASH_WINDOW), move.now];
  move.state = { ...move.state, crashes, problem };
  if (move.config.onCrash === "exit" || crashes.length > MAX_CRASHES) {
    const why = move.config.onCrash === "exit" ? "--on-crash=exit" : `${crashes.length} crashes within 10s`;
    log(move, "err", `${text}. Giving up (${why})`);
    return end(move, failure.exitStatus, `Gave up: generation ${generation.number} ${failure.text}`);
  }
  // A reload that was asked for meanwhile may bring the cure: it doesn't wait.
  const delay = crashes.length === 1 || move.state.pending ? 0 : FIRST_BACKOFF * 2 ** (crashes.length - 2);
  log(
    move,
    "err",
    `${text}. Starting generation ${move.state.lastNumber + 1} ${delay ? `in ${formatTimeSpan(delay)}` : "at once"}`,
  );
  if (move.state.pending) return startPending(move);
  move.state = { ...move.state, restarting: true };
  if (delay === 0) restart(move);
  else move.effects.push({ type: "set-timer", timer: "restart", generation: 0, at: move.now + delay });
}

function restart(move: Move): void {
  if (!move.state.restarting) return;
  move.state = { ...move.state, restarting: false };
  startGeneration(move, "crash");
}

function timeUp(move: Move, generation: Generation, timer: TimerName): void {
  switch (timer) {
    case "hint":
      if (generation.state === "starting") log(move, "notice", hintText(generation, move.config, HINT_AFTER));
      return;
    case "delay":
      return ready(move, generation);
    case "settle":
      if (generation.state === "settling")
        promote(move, generation, `settled for ${formatTimeSpan(move.config.settle)}`);
      return;
    case "start-timeout":
      if (generation.state === "starting") kill(move, generation);
      return;
    case "stop-timeout":
      if (generation.state === "draining") kill(move, generation);
      return;
    case "watchdog":
      return abort(move, generation, `missed its watchdog of ${formatTimeSpan(generation.watchdog)}`);
    case "abort-timeout":
      return kill(move, generation);
  }
}

// ── Stopping ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function stop(move: Move, signal: string): void {
  if (move.state.phase === "running") {
    log(move, "info", `${signal}: stopping`);
    const decisive = serving(move.state)?.number ?? 0;
    return end(move, 0, STOPPING, decisive);
  }
  // Whoever presses Ctrl-C again has waited long enough; systemd repeats nothing.
  if (signal === "SIGINT") for (const generation of move.state.generations) kill(move, generation);
}

/**
 * From here on nothing is started: every generation drains, and the supervisor exits with the last; with `exitStatus`,
 * unless the `decisive` generation then ends otherwise than it was asked to.
 */
function end(move: Move, exitStatus: number, problem: string, decisive = 0): void {
  const askers = [...(move.state.reload?.askers ?? []), ...(move.state.pending ?? [])];
  clearRestart(move);
  move.state = { ...move.state, phase: "ending", exitStatus, problem, decisive, reload: null, pending: null };
  if (askers.length > 0) {
    const error = exitStatus === 0 ? "the service is stopping" : problem;
    move.effects.push({ type: "result", askers, generation: null, error });
  }
  const running = move.state.generations.filter(({ state }) => state !== "draining");
  for (const { number } of running) update(move, number, { state: "draining" });
  tell(move, "STOPPING=1", ...(move.state.generations.length > 0 ? [extension(move.config.stopTimeout)] : []));
  for (const { number } of running) {
    clearTimer(move, number, "start-timeout", "hint", "delay", "settle");
    drain(move, find(move, number));
  }
  if (move.state.generations.length === 0) finish(move);
}

function finish(move: Move): void {
  const { problem } = move.state;
  move.state = { ...move.state, phase: "ended", problem: problem === STOPPING ? "Stopped" : problem };
  // systemd shows the last one for as long as the unit is stopped.
  if (statusText(move.state) !== move.state.told) tell(move);
  if (move.config.watchdog > 0) move.effects.push({ type: "clear-timer", timer: "feed", generation: 0 });
  move.effects.push({ type: "exit", status: move.state.exitStatus });
}

function drain(move: Move, generation: Generation): void {
  clearTimer(move, generation.number, "watchdog");
  if (generation.killed) return;
  sendEndSignal(move, generation, move.config.stopSignal);
  if (!generation.dying) setDeadline(move, generation.number, "stop-timeout", move.now + move.config.stopTimeout);
}

function kill(move: Move, generation: Generation): void {
  if (generation.killed || generation.dying) return;
  update(move, generation.number, { killed: true });
  move.effects.push({ type: "kill", generation: generation.number });
}

// ── Small parts ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Asks systemd to be patient for that long: its own limits may be shorter than ours. */
function extension(microseconds: number): string {
  return `EXTEND_TIMEOUT_USEC=${Math.min(microseconds + MARGIN, Number.MAX_SAFE_INTEGER)}`;
}

/** The longest that a start takes by our own limits, in µs. */
export function startLimit({
  ready: mode,
  readyDelay,
  startTimeout,
  settle,
}: Pick<Config, "ready" | "readyDelay" | "startTimeout" | "settle">): number {
  return settle + (mode === "exec" ? 0 : mode === "delay" ? readyDelay : startTimeout);
}

/**
 * Exited 0, or died of a signal that told it to stop: ours, or systemd's own, which KillMode=control-group sends to all.
 * A runtime that catches that signal exits with 128 + its number instead: a JVM, a shell.
 */
function endedAsAsked(config: Config, end: End | undefined): boolean {
  if (end === undefined) return false;
  const signals = [config.stopSignal, "SIGTERM"];
  if ("signal" in end) return signals.includes(end.name);
  return end.status === 0 || signals.some(name => end.status === 128 + numberOf(name));
}

function numberOf(signal: string): number {
  return (constants.signals as Record<string, number>)[signal]!;
}

function isSuccess(end: End | undefined): boolean {
  return end !== undefined && "status" in end && end.status === 0;
}

/** What the supervisor exits with for a child's end: its status, 128 + signal; EX_UNAVAILABLE for a 0 that is a failure. */
export function exitStatusOf(end: End): number {
  if ("signal" in end) return 128 + end.signal;
  return end.status || EX_UNAVAILABLE;
}
