// Several processes go by this clock.

/** ms since 1970, as finely as bash's EPOCHREALTIME. */
export function now(): number {
  return sinceEpoch(performance.now());
}

/** Converts a time of this process's performance.now(). */
export function sinceEpoch(milliseconds: number): number {
  return performance.timeOrigin + milliseconds;
}
