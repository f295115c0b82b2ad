// Watchdogs: systemd's of the supervisor, and the supervisor's of its processes.

import { enterProcess } from "./enter.js";
import { ABORT_TIMEOUT, SHORTEST_WATCHDOG } from "./limits.js";
import { feed, log, type Move, sendEndSignal, update } from "./move.js";
import type { Actor } from "./state.js";
import { NEVER, setOwnTimer, setProcessTimer } from "./timers.js";
import { abortingLine, shortOwnWatchdogLine, shortWatchdogLine } from "./words.js";

/**
 * WATCHDOG=1 or WATCHDOG_USEC=: the process has time until the next one from now on. As in systemd, one that stops
 * isn't watched.
 */
export function watch(move: Move, actor: Actor): Actor {
  const { watchdog, watched } = actor.process;
  if (!canBeWatched(actor)) return actor;
  if (watchdog === null) return setProcessTimer(move, actor, "watchdog", NEVER);
  if (!watched && watchdog < SHORTEST_WATCHDOG) log(move, "warning", shortWatchdogLine(actor, watchdog));
  const observed = update(move, actor, { watched: true });
  return setProcessTimer(move, observed, "watchdog", move.now + Math.max(watchdog, SHORTEST_WATCHDOG));
}

/** EXTEND_TIMEOUT_USEC= gives it more time for this, too. */
export function prolong(move: Move, actor: Actor, microseconds: number): Actor {
  const { watchdog, watched } = actor.process;
  if (!watched || watchdog === null || !canBeWatched(actor)) return actor;
  const time = Math.max(microseconds, watchdog, SHORTEST_WATCHDOG);
  return setProcessTimer(move, actor, "watchdog", move.now + time);
}

/** STOPPING=1: its end is its own. */
export function unwatch(move: Move, actor: Actor): Actor {
  return setProcessTimer(move, actor, "watchdog", NEVER);
}

/** Ends a process as a crash, with a core dump if it can write one. `timeout` is null for WATCHDOG=trigger. */
export function abort(move: Move, actor: Actor, timeout: number | null): Actor {
  const { duty, state } = actor.process;
  if (duty === "draining" || state !== "running") return actor;
  const doom = { kind: "watchdog", timeout, killed: false } as const;
  const aborting = enterProcess(move, actor, "aborting", doom);
  log(move, "err", abortingLine(aborting, doom));
  sendEndSignal(move, aborting, "SIGABRT");
  const patience = Math.min(move.config.stopTimeout, ABORT_TIMEOUT);
  return setProcessTimer(move, aborting, "abort-timeout", move.now + patience);
}

/** @returns what systemd is told of its watchdog at the start; from then on it is fed as long as events are handled */
export function beginFeeding(move: Move): string[] {
  const { watchdog } = move.config;
  if (watchdog === 0) return [];
  setFeedTimer(move);
  if (watchdog >= SHORTEST_WATCHDOG) return [];
  log(move, "warning", shortOwnWatchdogLine(watchdog));
  return [`WATCHDOG_USEC=${SHORTEST_WATCHDOG}`];
}

export function feedAgain(move: Move): void {
  feed(move);
  setFeedTimer(move);
}

/** Halfway, as sd_watchdog_enabled(3) recommends. */
function setFeedTimer(move: Move): void {
  setOwnTimer(move, "feed", move.now + Math.max(move.config.watchdog, SHORTEST_WATCHDOG) / 2);
}

function canBeWatched({ process: { duty, state, saidStopping } }: Actor): boolean {
  return duty !== "draining" && state === "running" && !saidStopping;
}
