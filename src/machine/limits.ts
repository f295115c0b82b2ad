// The numbers that decisions go by. Times are in microseconds.

import type { Config } from "./config.js";

/** More crashes than this within the window, and the supervisor gives up. */
export const MAX_CRASHES = 5;
export const CRASH_WINDOW = 10e6;
const FIRST_BACKOFF = 0.1e6;
/** When a generation that isn't ready is told of in the log. */
export const HINT_AFTER = 5e6;
/** How many ends are remembered. */
export const MAX_ENDED = 5;
/**
 * With Type=notify-reload systemd (253 to 258) sends the reload signal and then starts ExecReload=. By the kernel's clock
 * for process starts, which ticks every 10 ms, that command may seem to be older than the generation that the signal
 * started.
 */
export const SAME_REQUEST = 0.05e6;
/** What systemd is asked to wait beyond the supervisor's own limits. */
const MARGIN = 5e6;
/** Upper limit for writing a core dump, because --stop-timeout may be infinite. */
export const ABORT_TIMEOUT = 90e6;
/** A busy machine's scheduler may let a watchdog starve that wants to be fed more often than that. */
export const SHORTEST_WATCHDOG = 0.2e6;

/** The longest that a start takes by our own limits. */
export function startLimit({
  ready,
  readyDelay,
  startTimeout,
  settle,
}: Pick<Config, "ready" | "readyDelay" | "startTimeout" | "settle">): number {
  return settle + (ready === "exec" ? 0 : ready === "delay" ? readyDelay : startTimeout);
}

/** How long the next start waits after that many crashes within the window. */
export function backoff(crashes: number): number {
  return crashes === 1 ? 0 : FIRST_BACKOFF * 2 ** (crashes - 2);
}

/** Asks systemd to be patient for that long, because its own limits may be shorter than ours. */
export function extension(microseconds: number): string {
  return `EXTEND_TIMEOUT_USEC=${Math.min(microseconds + MARGIN, Number.MAX_SAFE_INTEGER)}`;
}

/** The limit that a watchdog timeout sets; null for none. */
export function watchdogLimit(timeout: number): number | null {
  return timeout > 0 && Number.isFinite(timeout) ? timeout : null;
}
