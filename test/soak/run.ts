// One soak has two services under load. One is reloaded and watched; the other one is stopped and started meanwhile.

import { setTimeout as sleep } from "node:timers/promises";
import { type Growth, growthOf, type Sample } from "./growth.js";
import { SoakLoad } from "./load.js";
import { planReloads, planStops } from "./plan.js";
import { checkLife, Reloads } from "./reloads.js";
import { SoakService } from "./service.js";
import { Stops } from "./stops.js";
import { look, settled } from "./watch.js";

export interface SoakOptions {
  /** Everything random follows from it. */
  readonly seed: number;
  /** How many reloads succeed. */
  readonly reloads: number;
  /** The soak goes on until that many were sent. */
  readonly requests: number;
  /** Whether there are clients that ask as fast as they can, beside one of every kind. */
  readonly bulk: boolean;
  /** How many reloads there are between two looks at what the supervisor holds. */
  readonly sampleEvery: number;
  /** Looks before that many reloads don't count. */
  readonly warmUp: number;
  /** Called after each step. */
  readonly onStep?: (progress: Progress) => void;
}

export interface Progress {
  readonly reloads: number;
  readonly requests: number;
  readonly lost: number;
}

export interface SoakResult {
  readonly seconds: number;
  readonly requests: { readonly reloaded: number; readonly stopped: number };
  /** How many requests failed on a connection of a generation that the soak killed. */
  readonly killed: number;
  readonly lost: readonly string[];
  readonly reloads: Reloads;
  readonly stops: Stops;
  readonly surprises: readonly string[];
  /** The looks after the warm-up. */
  readonly samples: readonly Sample[];
  readonly growth: readonly Growth[];
}

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const start = performance.now();
  const [reloaded, stopped] = [new SoakService(), new SoakService()];
  await Promise.all([reloaded.start(), stopped.start()]);
  const supervisor = await reloaded.unit.mainPid();
  const [load, mix] = [new SoakLoad(reloaded.host, options.bulk), new SoakLoad(stopped.host, false)];
  const reloads = new Reloads(reloaded, load, supervisor);
  const stops = new Stops(stopped);
  const enough = new AbortController();
  const stopping = stops.run(planStops(options.seed), enough.signal);

  await settled(supervisor);
  const sample = async () => ({ reloads: reloads.succeeded, holdings: await look(reloaded.unit, supervisor) });
  const samples = [await sample()];
  const steps = planReloads(options.seed, options.reloads);
  try {
    for (const [index, step] of steps.entries()) {
      await reloads.run(step);
      // Reloads and requests come to their end together.
      while (load.requests < (options.requests * (index + 1)) / steps.length) await sleep(10);
      if (reloads.succeeded >= samples.length * options.sampleEvery || index === steps.length - 1) {
        await settled(supervisor);
        samples.push(await sample());
      }
      options.onStep?.({ reloads: reloads.succeeded, requests: load.requests, lost: load.counts.lost.length });
    }
  } finally {
    enough.abort();
    await stopping;
    await Promise.all([load.stop(), mix.stop()]);
  }
  const wrong = await checkLife(reloaded, supervisor);
  if (reloads.failed !== reloads.failedAsPlanned) wrong.push(`${reloads.failed} reloads failed`);
  await Promise.all([reloaded.remove(), stopped.remove()]);

  const counted = samples.filter(({ reloads }) => reloads >= options.warmUp);
  const [counts, others] = [load.counts, mix.counts];
  return {
    seconds: (performance.now() - start) / 1000,
    requests: { reloaded: counts.requests, stopped: others.requests },
    killed: counts.killed,
    lost: [...counts.lost, ...others.lost],
    reloads,
    stops,
    surprises: [...wrong, ...reloads.surprises, ...stops.surprises],
    samples: counted,
    growth: growthOf(counted),
  };
}
