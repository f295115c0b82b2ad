// Percentiles, and the samples that belong to reloads.

export interface Timed {
  /** ms */
  readonly start: number;
  readonly duration: number;
}

export interface Reload {
  /** When it was asked for, ms. */
  readonly asked: number;
  /** When the new generation gave its first answer, ms. */
  readonly serving: number;
}

/** ms */
export interface Period {
  readonly from: number;
  readonly to: number;
}

const PERCENTS = { p50: 50, p99: 99, "p99.9": 99.9, max: 100 };
export type Latency = Readonly<Record<keyof typeof PERCENTS, number>>;
export const PERCENTILES = Object.keys(PERCENTS) as (keyof Latency)[];

/** How long a reload may still be felt afterwards, ms, because the old generation drains. */
export const AFTERMATH = 1000;

/** Returns percentiles of the durations, ms. @throws when there is none */
export function latency(samples: readonly Timed[]): Latency {
  if (samples.length === 0) throw new Error("no request was under way");
  const sorted = sort(samples.map(({ duration }) => duration));
  return eachPercentile(name => percentile(sorted, PERCENTS[name]));
}

/** Divides each percentile of one by that of the other. */
export function ratio(one: Latency, other: Latency): Latency {
  return eachPercentile(name => one[name] / other[name]);
}

/** Returns what was under way at any time from the request for a reload until a second after the new generation serves. */
export function inReloads<T extends Timed>(samples: readonly T[], reloads: readonly Reload[]): T[] {
  return during(
    samples,
    reloads.map(({ asked, serving }) => ({ from: asked, to: serving + AFTERMATH })),
  );
}

/** Returns what was under way at any time in these periods. */
export function during<T extends Timed>(samples: readonly T[], periods: readonly Period[]): T[] {
  return samples.filter(({ start, duration }) =>
    periods.some(({ from, to }) => start + duration >= from && start <= to),
  );
}

function eachPercentile(value: (name: keyof Latency) => number): Latency {
  return Object.fromEntries(PERCENTILES.map(name => [name, value(name)])) as Latency;
}

/** Returns the least value that this many percent of the values don't exceed. */
function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)]!;
}

function sort(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}
