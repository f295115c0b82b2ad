// Watchdogs: that of systemd, which the supervisor feeds, and those of its generations.

import { formatTimeSpan } from "../systemd/time-span.js";
import type { Generation } from "./model.js";
import { clearTimer, log, type Move, sendEndSignal, setTimer, update } from "./move.js";
import { name } from "./texts.js";

/** For a core dump, at most; --stop-timeout may be infinite, for the sake of clients that a hung generation has lost. */
const ABORT_TIMEOUT = 90e6;
/** A watchdog that wants to be fed more often than that can starve while all is well: of a busy machine's scheduler. */
export const SHORTEST_WATCHDOG = 0.2e6;

/** It has time until the next WATCHDOG=1 from now on. systemd, too, watches nobody who stops. */
export function watch(move: Move, generation: Generation): void {
  const { number, watchdog, watched, stopping } = generation;
  if (generation.state === "draining" || stopping || isDoomed(generation)) return;
  if (!isLimit(watchdog)) return clearTimer(move, number, "watchdog");
  if (!watched) {
    update(move, number, { watched: true });
    if (watchdog < SHORTEST_WATCHDOG) log(move, "warning", `${name(generation)}: ${tooShort(watchdog)}`);
  }
  setTimer(move, number, "watchdog", move.now + Math.max(watchdog, SHORTEST_WATCHDOG));
}

/** EXTEND_TIMEOUT_USEC= gives it more time for this, too. */
export function prolong(move: Move, generation: Generation, microseconds: number): void {
  const { number, watchdog, watched, stopping, state } = generation;
  if (!watched || state === "draining" || stopping || isDoomed(generation) || !isLimit(watchdog)) return;
  setTimer(move, number, "watchdog", move.now + Math.max(microseconds, watchdog, SHORTEST_WATCHDOG));
}

/** Ends it as a crash, with a core dump if it can. */
export function abort(move: Move, generation: Generation, why: string): void {
  const { number } = generation;
  if (generation.state === "draining" || isDoomed(generation)) return;
  update(move, number, { aborted: why });
  log(move, "err", `${name(generation)} ${why}: aborting it`);
  clearTimer(move, number, "watchdog", "hint", "settle");
  sendEndSignal(move, generation, "SIGABRT");
  setTimer(move, number, "abort-timeout", move.now + Math.min(move.config.stopTimeout, ABORT_TIMEOUT));
}

/** What systemd is told of its watchdog at the start; from then on it is fed for as long as events are handled. */
export function beginFeeding(move: Move): string[] {
  const { watchdog } = move.config;
  if (watchdog === 0) return [];
  setFeedTimer(move);
  if (watchdog >= SHORTEST_WATCHDOG) return [];
  log(move, "warning", `WatchdogSec=: ${tooShort(watchdog)}`);
  return [`WATCHDOG_USEC=${SHORTEST_WATCHDOG}`];
}

/** Halfway, as sd_watchdog_enabled(3) recommends. */
export function setFeedTimer(move: Move): void {
  const interval = Math.max(move.config.watchdog, SHORTEST_WATCHDOG) / 2;
  move.effects.push({ type: "set-timer", timer: "feed", generation: 0, at: move.now + interval });
}

function tooShort(watchdog: number): string {
  const [given, used] = [formatTimeSpan(watchdog), formatTimeSpan(SHORTEST_WATCHDOG)];
  return `a watchdog of ${given} is shorter than can be honoured, ${used} are used`;
}

function isLimit(watchdog: number): boolean {
  return watchdog > 0 && watchdog < Number.POSITIVE_INFINITY;
}

/** It was sent SIGABRT or SIGKILL, or has ended but for what it leaves: whatever it says, it will not serve. */
export function isDoomed({ aborted, killed, dying }: Generation): boolean {
  return aborted !== "" || killed || dying;
}
