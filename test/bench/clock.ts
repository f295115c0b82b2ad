// Several processes go by this clock: CLOCK_MONOTONIC. Somebody may set the wall clock while there is a benchmark.

/** ms */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const ORIGIN = now() - performance.now();

/** Converts a time of this process's performance.now(). */
export function sinceOrigin(milliseconds: number): number {
  return ORIGIN + milliseconds;
}

/** Converts a time that bash printed a moment ago, its EPOCHREALTIME, s. Date.now() is exact only when it goes on to the next ms. */
export function sinceEpoch(seconds: number): number {
  const before = Date.now();
  let wall = before;
  while (wall === before) wall = Date.now();
  return seconds * 1e3 - wall + now();
}
