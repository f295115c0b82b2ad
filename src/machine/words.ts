// The log lines that the machine writes, and the reasons in them; STATUS= is in status-text.ts. Nothing else here is English.

import { formatTimeSpan } from "../systemd/formats/time-span.js";
import type { Config } from "./config.js";
import type { Address, Unseen } from "./events.js";
import { CRASH_WINDOW, HINT_AFTER, SHORTEST_WATCHDOG } from "./limits.js";
import type { Doom, Named, Outcome, Problem } from "./outcome.js";
import { doomText, outcomeText } from "./outcome-words.js";
import { type Actor, findActor, type Generation, named, namedActor, type State } from "./state.js";

/** So many of a list are named at most. systemd drops a message longer than 4096 bytes, and a READY=1 that is in it. */
const NAMED = 20;

// ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function name({ number, pids, worker, workers }: Named): string {
  const who = worker === null ? `generation ${number}` : `worker ${worker} of generation ${number}`;
  if (workers > 0) return `${who} (${countOf(workers)})`;
  return pids.length > 0 ? `${who} (pid ${pids.join(", ")})` : who;
}

export function countOf(workers: number): string {
  return workers === 1 ? "1 worker" : `${workers} workers`;
}

export function nameOf(generation: Generation): string {
  return name(named(generation));
}

function actorName(actor: Actor): string {
  return name(namedActor(actor));
}

/** The name of a process with the pid that it is known by: the state learns of that, and of its end, before all is said. */
export function nameAt(state: State, { generation, process }: Address, pid: number | undefined): string {
  const actor = findActor(state, generation, process);
  const nameless: Named = { number: generation, pids: [], worker: null, workers: 0 };
  return name({ ...(actor ? namedActor(actor) : nameless), pids: pid === undefined ? [] : [pid] });
}

export function list(generations: readonly Generation[], nameOne: (generation: Generation) => string | number): string {
  const more = generations.length - NAMED;
  return generations.slice(0, NAMED).map(nameOne).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// ── Problems ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Without the pid, which its own line in the log has. */
function bareName(who: Named): string {
  return name({ ...who, pids: [], workers: 0 });
}

/** Part of STATUS=. */
export function problemText(problem: Problem): string {
  switch (problem.kind) {
    case "start-failed":
      return `Start failed: ${bareName(problem.generation)} ${outcomeText(problem.outcome)}`;
    case "reload-failed":
      return `Reload failed: ${bareName(problem.generation)} ${outcomeText(problem.outcome)}`;
    case "gave-up":
      return `Gave up: ${bareName(problem.generation)} ${outcomeText(problem.outcome)}`;
    case "trial-failed":
      return `Dry run failed: ${bareName(problem.generation)} ${outcomeText(problem.outcome)}`;
    case "busy":
      return "A reload or a dry run is under way";
    case "crashed":
      return capital(`${name(problem.generation)} ${outcomeText(problem.outcome)}`);
    case "too-few-workers":
      return `There are ${problem.queues} accept queues, and each takes a worker`;
    case "rescaled":
      return `Another number of workers was asked for after it: ${problem.workers}`;
    case "done":
      return "The work is done";
    case "overtaken":
      return "Another reload, or a rollback, was asked for after it";
    case "stopping":
      return "Stopping";
    case "stopped":
      return "Stopped";
  }
}

/** Tells whoever asked for a reload why it failed. */
export function refusalText(problem: Problem): string {
  if (problem.kind === "stopping") return "the service is stopping";
  if (problem.kind === "reload-failed") return `${problemText(problem)}. ${stillText(problem.still)}`;
  return problemText(problem);
}

function stillText(still: Named | null): string {
  return still ? `${capital(name(still))} still serving` : "No generation is serving";
}

// ── Log lines: starting and reloading ────────────────────────────────────────────────────────────────────────────────

export function startedLine(actor: Actor): string {
  return `${actorName(actor)} started`;
}

/** For whoever put an app here that knows no sd_notify(3). */
export function hintLine(actor: Actor, { ready, startTimeout }: Config): string {
  const waits = `after ${formatTimeSpan(HINT_AFTER)}; --start-timeout is ${formatTimeSpan(startTimeout)}`;
  if (ready === "fd") return `${actorName(actor)} has not written a newline to $ZERODOWN_READY_FD ${waits}`;
  return (
    `${actorName(actor)} has not sent READY=1 to its $NOTIFY_SOCKET ${waits}. ` +
    "In Node call startupFinished(); if it knows no sd_notify(3), use --ready accept, --ready fd or --ready delay:TIME"
  );
}

/** For whoever waits for an app that doesn't listen, or isn't seen to. */
export function unseenLine(actor: Actor, { sockets, obstacles }: Unseen, { startTimeout }: Config): string {
  const waits = `after ${formatTimeSpan(HINT_AFTER)}; --start-timeout is ${formatTimeSpan(startTimeout)}`;
  const why = obstacles.map(obstacle => `. But ${obstacle}: --ready notify doesn't look`);
  return `${actorName(actor)} waits for no clients on ${sockets.join(", ")} ${waits}${why.join("")}`;
}

/** For whoever has clients that nobody answers. */
export function notAcceptedLine(actor: Actor, { sockets }: Unseen, microseconds: number): string {
  return (
    `${actorName(actor)} has been serving for ${formatTimeSpan(microseconds)}, and was never seen to wait for clients ` +
    `on ${sockets.join(", ")}. Does it listen elsewhere? With --ready accept it would not have become ready`
  );
}

/** For whoever put an app here that leaves its service to a process in the background. */
export function daemonLine(who: Named): string {
  return (
    `${name(who)} has exited with status 0 before it was ready. Does it daemonize? ` +
    'It must stay in the foreground: without -D, with -F or "daemon off;", podman run without -d'
  );
}

export function tooLateLine(actor: Actor): string {
  return `${actorName(actor)} was ready, but has ended already: nothing is handed over to it`;
}

export function readyAfter(microseconds: number): string {
  return `ready after ${formatTimeSpan(microseconds)}`;
}

export function settledFor(microseconds: number): string {
  return `settled for ${formatTimeSpan(microseconds)}`;
}

export const PREDECESSOR_GONE = "the generation before it is gone";

export function settlingLine(generation: Generation, how: string, microseconds: number): string {
  return `${nameOf(generation)} ${how}; settling for ${formatTimeSpan(microseconds)}`;
}

export function servingLine(generation: Generation, how: string, old: Generation | undefined): string {
  return `${nameOf(generation)} serving: ${how}${old ? `. Draining ${nameOf(old)}` : ""}`;
}

export function workerReadyLine(actor: Actor, microseconds: number): string {
  return `${actorName(actor)} ${readyAfter(microseconds)}`;
}

export function workerServingLine(actor: Actor, microseconds: number): string {
  return `${actorName(actor)} serving: ${readyAfter(microseconds)}`;
}

/** Of a candidate that takes over slot by slot. */
export function partlyServingLine({ number }: Generation, slots: readonly number[], how: string): string {
  const workers = `worker${slots.length === 1 ? "" : "s"} ${slots.join(", ")}`;
  return `${workers} of generation ${number} serving: ${how}. Draining those that they replace`;
}

export function tooOldLine(actor: Actor, age: number): string {
  return `${actorName(actor)} has run for ${formatTimeSpan(age)}: another one is to replace it`;
}

export function tooLargeLine(actor: Actor, memory: number): string {
  return `${actorName(actor)} uses ${formatMemory(memory)}: another one is to replace it`;
}

export function excusedLine(actor: Actor, memory: number): string {
  return `${actorName(actor)} uses ${formatMemory(memory)} right after its start: another one would, too, and it is left alone`;
}

function formatMemory(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)}M`;
}

export function scaledLine(from: number, to: number): string {
  return `${countOf(to)} wanted, ${to < from ? "down from" : "instead of"} ${from}`;
}

export function notScaledLine(to: number, why: Problem): string {
  return `${countOf(to)} refused: ${problemText(why)}`;
}

export const SAME_REQUEST_LINE = "reload asked for by signal and by command at once: it is one reload";

export function oneMoreLine(starting: Generation): string {
  return `reload asked for while ${nameOf(starting)} is starting: one more follows`;
}

// ── Log lines: ends ──────────────────────────────────────────────────────────────────────────────────────────────────

export function saysStoppingLine(actor: Actor): string {
  return `${actorName(actor)} says it is stopping`;
}

export function abortingLine(actor: Actor, doom: Doom): string {
  return `${actorName(actor)} ${doomText(doom)}: aborting it`;
}

export function leaveTimeoutLine(actor: Actor, limit: number): string {
  return `--before-drain of ${actorName(actor)} has run for ${formatTimeSpan(limit)} and is killed`;
}

export function leavingLine(actor: Actor): string {
  return `${actorName(actor)} is to drain: --before-drain comes first`;
}

export function stoppingLine(signal: string): string {
  return `${signal}: stopping`;
}

export function drainedLine(who: Named, outcome: Outcome, clean: boolean): string {
  return `${name(who)} ${clean ? "drained and " : ""}${outcomeText(outcome)}`;
}

/** "generation 2 (pid 102) exited with status 1" */
export function endLine(who: Named, outcome: Outcome): string {
  return `${name(who)} ${outcomeText(outcome)}`;
}

export function startFailedLine(age: number, end: string): string {
  return `start failed after ${formatTimeSpan(age)}: ${end}`;
}

export function reloadFailedLine(age: number, end: string, still: Named | null): string {
  return `reload failed after ${formatTimeSpan(age)}: ${end}. ${stillText(still)}`;
}

export function heirLine(end: string, heir: Generation): string {
  return `${end} while serving. ${capital(nameOf(heir))} is to replace it`;
}

export function doneLine(end: string, said: boolean): string {
  return `${end} ${said ? "as it said it would" : "on its own"}: the work is done`;
}

export function fallBackLine(end: string, number: number): string {
  return `${end}. Starting generation ${number} from the release that served last, which is remembered`;
}

export function givingUpLine(end: string): string {
  return `${end}. Giving up`;
}

export function gaveUpLine(end: string, crashes: number, { onCrash }: Config): string {
  const many = `${crashes} crashes within ${formatTimeSpan(CRASH_WINDOW)}`;
  return `${end}. Giving up (${onCrash === "exit" ? "--on-crash=exit" : many})`;
}

/** "worker 2 of generation 7 (pid 812) was killed by SIGSEGV. Starting it again at once" */
export function workerAgainLine(end: string, delay: number): string {
  return `${end}. Starting it again ${delay ? `in ${formatTimeSpan(delay)}` : "at once"}`;
}

export function restartLine(end: string, number: number, delay: number): string {
  return `${end}. Starting generation ${number} ${delay ? `in ${formatTimeSpan(delay)}` : "at once"}`;
}

// ── Log lines: watchdogs ─────────────────────────────────────────────────────────────────────────────────────────────

export function shortWatchdogLine(actor: Actor, watchdog: number): string {
  return `${actorName(actor)}: ${tooShort(watchdog)}`;
}

export function shortOwnWatchdogLine(watchdog: number): string {
  return `WatchdogSec=: ${tooShort(watchdog)}`;
}

function tooShort(watchdog: number): string {
  const [given, used] = [formatTimeSpan(watchdog), formatTimeSpan(SHORTEST_WATCHDOG)];
  return `a watchdog of ${given} is shorter than can be honoured, ${used} are used`;
}

// ── Snapshots ────────────────────────────────────────────────────────────────────────────────────────────────────────

export function notJson(problem: string): string {
  return `the snapshot is not JSON: ${problem}`;
}

export function otherVersion(version: unknown, known: number): string {
  return `the snapshot has version ${JSON.stringify(version)}, and only version ${known} is understood`;
}

export function notUnderstood(where: string, value: unknown): string {
  return `the snapshot can't be understood: ${where} is ${JSON.stringify(value) ?? "missing"}`;
}

export function notFinite(key: string, value: number): string {
  return `the state can't be written down: ${key} is ${value}`;
}
