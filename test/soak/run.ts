// A soak has services under load, all at once. It reloads and watches the first, stops and starts the second, has those of
// several workers replace them in all the ways that there are, and makes workers of the last one grow, to be recycled.

import { setTimeout as sleep } from "node:timers/promises";
import { Crew } from "./crew.js";
import { type Growth, growthOf, type Sample } from "./growth.js";
import { SoakLoad } from "./load.js";
import { type CrewKind, planReloads, planStops } from "./plan.js";
import { Recycling } from "./recycling.js";
import { checkLife, Reloads } from "./reloads.js";
import { SoakService } from "./service.js";
import { Stops } from "./stops.js";
import type { CrewTally } from "./tally.js";
import { look, settled } from "./watch.js";

export interface SoakOptions {
  /** Everything random follows from it. */
  readonly seed: number;
  /** How many reloads of the first service succeed. */
  readonly reloads: number;
  /** The soak goes on until that many were sent to it. */
  readonly requests: number;
  /** The services of several workers. */
  readonly crews: readonly CrewKind[];
  /** How many reloads of each of them succeed, at least. */
  readonly crewReloads: number;
  /** How many workers are recycled by their memory, at least; 0: there is no service that does that. */
  readonly recycled: number;
  /** Whether there are clients that ask as fast as they can, beside one of every kind. */
  readonly bulk: boolean;
  /** How many reloads there are between two looks at what the supervisor holds. */
  readonly sampleEvery: number;
  /** Looks before that many reloads don't count. */
  readonly warmUp: number;
  /** Ends it early: its result is what it has seen by then. */
  readonly signal?: AbortSignal;
  /** Called every now and then. */
  readonly onStep?: (progress: Progress) => void;
}

/** ms */
const TELL_EVERY = 1000;

export interface Progress {
  readonly reloads: number;
  readonly requests: number;
  readonly lost: number;
}

export interface SoakResult {
  readonly seconds: number;
  readonly requests: { readonly reloaded: number; readonly stopped: number };
  /** How many requests failed on a connection of a generation that the soak killed while it drained. */
  readonly killed: number;
  /** Of all services. */
  readonly lost: readonly string[];
  readonly reloads: Reloads;
  readonly stops: Stops;
  /** The services of several workers. */
  readonly crews: readonly CrewTally[];
  readonly surprises: readonly string[];
  /** The looks after the warm-up. */
  readonly samples: readonly Sample[];
  readonly growth: readonly Growth[];
}

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const start = performance.now();
  const { seed } = options;
  const [reloaded, stopped] = [new SoakService(), new SoakService()];
  await Promise.all([reloaded.start(), stopped.start()]);
  const crews = await Promise.all(options.crews.map(Crew.start));
  const recycling = options.recycled > 0 ? await Recycling.start() : undefined;
  const supervisor = await reloaded.unit.mainPid();
  const load = new SoakLoad(reloaded.host, options.bulk ? "heavy" : "usual");
  const mix = new SoakLoad(stopped.host, "usual");
  const reloads = new Reloads(reloaded, load, supervisor);
  const stops = new Stops(stopped);
  const enough = new AbortController();
  const stopping = stops.run(planStops(seed + 1), enough.signal);
  const others = Promise.all([
    ...crews.map((crew, index) => crew.run(seed + 2 + index, options.crewReloads, enough.signal)),
    recycling?.run(options.recycled, enough.signal),
  ]);
  const tallies = () => [...crews, ...(recycling ? [recycling] : [])].map(({ tally }) => tally);
  const progress = () => {
    const all = tallies();
    const sum = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);
    return {
      reloads: reloads.succeeded + sum(all.map(({ reloads }) => reloads)),
      requests: load.requests + mix.requests + sum(all.map(({ requests }) => requests)),
      lost: load.counts.lost.length + mix.counts.lost.length + sum(all.map(({ lost }) => lost.length)),
    };
  };

  await settled(supervisor);
  const sample = async () => ({ reloads: reloads.succeeded, holdings: await look(reloaded.unit, supervisor) });
  const samples = [await sample()];
  const steps = planReloads(seed, options.reloads);
  let told = start;
  try {
    for (const [index, step] of steps.entries()) {
      await reloads.run(step);
      // Reloads and requests come to their end together.
      const due = (options.requests * (index + 1)) / steps.length;
      while (load.requests < due && !options.signal?.aborted) await sleep(10);
      const isLast = index === steps.length - 1 || options.signal?.aborted;
      if (reloads.succeeded >= samples.length * options.sampleEvery || isLast) {
        await settled(supervisor);
        samples.push(await sample());
      }
      if (isLast) break;
      if (performance.now() - told < TELL_EVERY) continue;
      told = performance.now();
      options.onStep?.(progress());
    }
  } finally {
    enough.abort();
    await Promise.all([stopping, load.stop()]);
    await Promise.all([others, mix.stop()]);
  }
  await Promise.all([...crews, recycling].map(each => each?.end()));
  const wrong = await checkLife(reloaded, supervisor);
  if (reloads.failed !== reloads.failedAsPlanned) wrong.push(`${reloads.failed} reloads failed`);
  await Promise.all([reloaded.remove(), stopped.remove()]);

  // One that ends early may have no look after the warm-up but the last.
  const counted = samples.filter(({ reloads }) => options.signal?.aborted || reloads >= options.warmUp);
  const [counts, mixed, all] = [load.counts, mix.counts, tallies()];
  return {
    seconds: (performance.now() - start) / 1000,
    requests: { reloaded: counts.requests, stopped: mixed.requests },
    killed: counts.killed,
    lost: [...counts.lost, ...mixed.lost, ...all.flatMap(({ lost }) => lost)],
    reloads,
    stops,
    crews: all,
    surprises: [...wrong, ...[reloads, stops, ...all].flatMap(({ surprises }) => surprises)],
    samples: counted,
    growth: growthOf(counted),
  };
}
