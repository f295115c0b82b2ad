// Makes data and tables of what was measured.

import { columns } from "../support/columns.js";
import { median } from "../support/median.js";
import { type Footprint, IDLE_SECONDS } from "./footprint.js";
import type { Measured } from "./measure.js";
import { inReloads, type Latency, latency, PERCENTILES, type Reload, ratio } from "./statistics.js";

export interface Result {
  readonly name: string;
  readonly requests: number;
  readonly lost: { readonly new: number; readonly kept: number };
  /** How often requests were lost for each reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** The latency of all requests that were answered, ms. */
  readonly latency: Latency;
  readonly reloads: readonly Reload[];
  /** Undefined without reloads. */
  readonly reloading?: {
    /** The median time from the request for a reload to the new generation's first answer, ms. */
    readonly time: number;
    /** The latency of the requests that a reload may have touched, ms. */
    readonly latency: Latency;
    /** The ratio of that latency to the one of all requests where nothing was reloaded. */
    readonly ratio: Latency;
  };
  /** The supervisor's, where there is one. */
  readonly footprint?: Footprint;
}

/** @param all the baseline first */
export function summarize(all: readonly [Measured, ...Measured[]]): Result[] {
  const [baseline] = all;
  const undisturbed = latency(answered(baseline));
  return all.map(measured => summary(measured, undisturbed));
}

function summary({ name, samples, failures, reloads, footprint }: Measured, undisturbed: Latency): Result {
  const lost = (kept: boolean) => samples.filter(sample => sample.lost && sample.kept === kept).length;
  const whole = answered({ samples });
  const result: Result = {
    name,
    requests: samples.length,
    lost: { new: lost(false), kept: lost(true) },
    reasons: countEach(failures),
    latency: latency(whole),
    reloads,
    ...(footprint ? { footprint } : {}),
  };
  if (reloads.length === 0) return result;
  const touched = latency(inReloads(whole, reloads));
  const time = median(reloads.map(({ asked, serving }) => serving - asked));
  return { ...result, reloading: { time, latency: touched, ratio: ratio(touched, undisturbed) } };
}

function answered({ samples }: Pick<Measured, "samples">): Measured["samples"] {
  return samples.filter(({ lost }) => !lost);
}

function countEach(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

/** Prints tables that fit 100 columns, as docs/benchmark.md has them. */
export function printResults(results: readonly Result[]): void {
  print([
    ["", "requests", "lost: new", "kept", "asked to served"],
    ...results.map(({ name, requests, lost, reloading }) => [
      name,
      String(requests),
      String(lost.new),
      String(lost.kept),
      reloading ? `${reloading.time.toFixed(0)} ms` : "",
    ]),
  ]);
  print([
    ["the supervisor", "private", "resident", `wake-ups in ${IDLE_SECONDS} s`],
    ...results.flatMap(({ name, footprint }) =>
      footprint
        ? [[name, `${footprint.privateKilobytes} kB`, `${footprint.residentKilobytes} kB`, String(footprint.wakeUps)]]
        : [],
    ),
  ]);
  printLatency("all requests, ms", results, ({ latency }) => latency);
  printLatency("requests in reloads, ms", results, ({ reloading }) => reloading?.latency);
  printLatency("the same, beside no reload", results, ({ reloading }) => reloading?.ratio, "× ");
}

function printLatency(
  what: string,
  results: readonly Result[],
  latencyOf: (result: Result) => Latency | undefined,
  unit = "",
): void {
  const rows = results.flatMap(result => {
    const latency = latencyOf(result);
    return latency ? [[result.name, ...PERCENTILES.map(name => `${unit}${latency[name].toFixed(1)}`)]] : [];
  });
  print([[what, ...PERCENTILES], ...rows]);
}

function print(rows: readonly (readonly string[])[]): void {
  console.log(`${columns(rows, "  ")}\n`);
}
