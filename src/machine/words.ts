// Every sentence that the machine writes: log lines, STATUS=, reasons. Nothing else in this folder is English.

import { formatTimeSpan } from "../systemd/formats/time-span.js";
import type { Config } from "./config.js";
import { CRASH_WINDOW, HINT_AFTER, SHORTEST_WATCHDOG } from "./limits.js";
import type { Doom, End, Named, Outcome, Problem } from "./outcome.js";
import {
  type Actor,
  candidate,
  type Ended,
  type Generation,
  hasDied,
  named,
  type State,
  serving,
  statusOf,
} from "./state.js";

/** How many of a list are named. systemd drops a message longer than 4096 bytes, and a READY=1 that is in it. */
const NAMED = 20;

// ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function name({ number, pids }: Named): string {
  return pids.length > 0 ? `generation ${number} (pid ${pids.join(", ")})` : `generation ${number}`;
}

function nameOf(generation: Generation): string {
  return name(named(generation));
}

function actorName({ generation, process }: Actor): string {
  return nameOf({ ...generation, processes: [process] });
}

function list(generations: readonly Generation[], nameOne: (generation: Generation) => string | number): string {
  const more = generations.length - NAMED;
  return generations.slice(0, NAMED).map(nameOne).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// ── STATUS= ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What `systemctl status` shows. */
export function statusText(state: State): string {
  const problem = state.problem ? problemText(state.problem) : "";
  if (state.phase !== "running") {
    return state.generations.length > 0 ? `${problem}: waiting for ${list(state.generations, nameOf)}` : problem;
  }
  const before = problem && `${problem}. `;
  const starting = candidate(state);
  const current = serving(state);
  if (starting?.state === "starting") return `${before}Starting generation ${starting.number}`;
  if (!current) return `${before}Starting generation ${state.lastNumber + 1}`;
  return `${before}${capital(nameOf(current))} ${conditionText(state, current)}`;
}

/** What the current generation does, and which others are there. */
function conditionText(state: State, current: Generation): string {
  if (hasDied(current)) return "has ended: waiting for what it has left";
  const [doom] = current.processes.flatMap(({ doom }) => doom ?? []);
  if (doom) return `${doomText(doom)}: waiting for its end`;
  if (state.problem) return "still serving";
  const status = statusOf(current) && `: ${statusOf(current)}`;
  const others = (["settling", "draining"] as const).map(wanted => {
    const those = state.generations.filter(({ state }) => state === wanted);
    return those.length > 0 ? `; ${wanted}: generation ${list(those, ({ number }) => number)}` : "";
  });
  return `serving${status}${others.join("")}`;
}

// ── Ends and problems ────────────────────────────────────────────────────────────────────────────────────────────────

/** What a process did when it ended: "exited with status 1 before it was ready". */
export function outcomeText(outcome: Outcome): string {
  const when = { starting: " before it was ready", settling: " while it settled", serving: "", draining: "" }[
    outcome.state
  ];
  const said = outcome.reported || (outcome.lastStatus && `its last status: ${outcome.lastStatus}`);
  const reason = said && ` (${said})`;
  switch (outcome.kind) {
    case "spawn":
      return `could not be started: ${outcome.error}`;
    case "exit":
    case "signal":
      return `${endText(outcome)}${when}${reason}`;
    case "watchdog": {
      const end = outcome.killed ? "did not end at SIGABRT" : endText(outcome.end);
      return `${doomText(outcome)}${when} and ${end}${reason}`;
    }
    default:
      return `${doomText(outcome)}${reason}`;
  }
}

function doomText(doom: Doom): string {
  switch (doom.kind) {
    case "cancelled":
      return "was aborted";
    case "start-timeout":
      return `was not ready within ${formatTimeSpan(doom.limit)} and was killed`;
    case "watchdog":
      return doom.timeout === null
        ? "triggered its watchdog"
        : `missed its watchdog of ${formatTimeSpan(doom.timeout)}`;
    default:
      return "did not stop in time and was killed";
  }
}

function endText(end: End): string {
  return "signal" in end ? `was killed by ${end.name}` : `exited with status ${end.status}`;
}

/** Part of STATUS=. */
function problemText(problem: Problem): string {
  switch (problem.kind) {
    case "start-failed":
      return `Start failed: generation ${problem.generation.number} ${outcomeText(problem.outcome)}`;
    case "reload-failed":
      return `Reload failed: generation ${problem.generation.number} ${outcomeText(problem.outcome)}`;
    case "gave-up":
      return `Gave up: generation ${problem.generation.number} ${outcomeText(problem.outcome)}`;
    case "crashed":
      return capital(`${name(problem.generation)} ${outcomeText(problem.outcome)}`);
    case "done":
      return "The work is done";
    case "stopping":
      return "Stopping";
    case "stopped":
      return "Stopped";
  }
}

/** Why a reload failed, for whoever asked for it. */
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
export function hintLine(generation: Generation, { ready, startTimeout }: Config): string {
  const waits = `after ${formatTimeSpan(HINT_AFTER)}; --start-timeout is ${formatTimeSpan(startTimeout)}`;
  if (ready === "fd") return `${nameOf(generation)} has not written a newline to $ZERODOWN_READY_FD ${waits}`;
  return (
    `${nameOf(generation)} has not sent READY=1 to its $NOTIFY_SOCKET ${waits}. ` +
    "If it knows no sd_notify(3), use --ready exec, --ready delay:TIME or --ready fd"
  );
}

/** For whoever put an app here that leaves its service to a process in the background. */
export function daemonLine(generation: Generation): string {
  return (
    `${nameOf(generation)} has exited with status 0 before it was ready. Does it daemonize? ` +
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

export function stoppingLine(signal: string): string {
  return `${signal}: stopping`;
}

export function drainedLine(ended: Ended, clean: boolean): string {
  return `${nameOf(ended)} ${clean ? "drained and " : ""}${outcomeText(ended.outcome)}`;
}

/** "generation 2 (pid 102) exited with status 1" */
export function endLine(ended: Ended): string {
  return `${nameOf(ended)} ${outcomeText(ended.outcome)}`;
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

export function givingUpLine(end: string): string {
  return `${end}. Giving up`;
}

export function gaveUpLine(end: string, crashes: number, { onCrash }: Config): string {
  const many = `${crashes} crashes within ${formatTimeSpan(CRASH_WINDOW)}`;
  return `${end}. Giving up (${onCrash === "exit" ? "--on-crash=exit" : many})`;
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
