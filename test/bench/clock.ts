// The clock that several processes go by.

/** ms since 1970, as finely as bash's EPOCHREALTIME. */
export function now(): number {
  return sinceEpoch(performance.now());
}

/** What performance.now() said in this process. */
export function sinceEpoch(milliseconds: number): number {
  return performance.timeOrigin + milliseconds;
}
