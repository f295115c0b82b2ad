// The numbers that decisions go by. Times are in microseconds.

import type { Config } from "./config.js";

/** More crashes than this for each worker within the window, and the supervisor gives up. */
const MAX_CRASHES = 5;
export const CRASH_WINDOW = 10e6;
const FIRST_BACKOFF = 0.1e6;
/** Who uses too much memory before that is no better for being started again. */
export const SETTLED_AGE = 60e6;
/** When a generation that isn't ready is told of in the log. */
export const HINT_AFTER = 5e6;
/** So long a generation may serve while nobody waits on a socket; then the log says so. µs */
export const ACCEPTS_AFTER = 1e6;
/** The supervisor remembers so many ends. */
export const MAX_ENDED = 5;
/**
 * With Type=notify-reload systemd (253 to 258) sends the reload signal and then forks ExecReload=. So long after the signal's
 * generation was started that command may be forked, and still be for the same reload. µs
 */
export const SAME_REQUEST = 0.05e6;
/** systemd is asked to wait so much longer than the supervisor's own limits. */
const MARGIN = 5e6;
/** Upper limit for writing a core dump, because --stop-timeout may be infinite. */
export const ABORT_TIMEOUT = 90e6;
/** A busy machine's scheduler may let a watchdog starve that wants to be fed more often than that. */
export const SHORTEST_WATCHDOG = 0.2e6;

/** The longest that a start takes by our own limits. */
export function startLimit(
  config: Pick<Config, "ready" | "readyDelay" | "startTimeout" | "probes" | "probeTimeout" | "settle">,
): number {
  const { ready, readyDelay, startTimeout } = config;
  return readyLimit(config) + (ready === "exec" ? 0 : ready === "delay" ? readyDelay : startTimeout);
}

/** The longest that it takes from then on until it serves. */
export function readyLimit({
  probes,
  probeTimeout,
  settle,
}: Pick<Config, "probes" | "probeTimeout" | "settle">): number {
  return probes.reduce(limit => limit + probeTimeout, settle);
}

/** The longest that it takes by our own limits until a process that is to stop has ended. */
export function drainLimit({ beforeDrain, stopTimeout }: Pick<Config, "beforeDrain" | "stopTimeout">): number {
  return beforeDrain + stopTimeout;
}

/** How many crashes within the window are borne. One worker alone can't exceed that: its backoff grows. */
export function maxCrashes(workers: number): number {
  return MAX_CRASHES * workers;
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
