// A soak of upgrades has one service of several workers under load, which is reloaded again and again while its
// supervisor replaces itself at random moments.

import { installVersioned } from "../support/versions.js";
import { type Growth, growthOf, type Sample } from "./growth.js";
import { SoakLoad } from "./load.js";
import { WORKERS } from "./plan.js";
import { checkLife } from "./reloads.js";
import type { Progress } from "./run.js";
import { SoakService } from "./service.js";
import { planUpgrades } from "./upgrade-plan.js";
import { Upgrades } from "./upgrades.js";
import { look } from "./watch.js";

/** No process dies of a signal but one that it was told to stop with, none has to be killed, and none crashes. */
const UNPLANNED = /(?:\)|in time and) was killed|while serving|giving up|starting it again/i;

export interface UpgradeSoakOptions {
  /** Everything random follows from it. */
  readonly seed: number;
  /** How many upgrades there are at random moments; for each there are two reloads. */
  readonly upgrades: number;
  /** How many of these there are between two looks at what the supervisor holds, each with an upgrade at rest. */
  readonly sampleEvery: number;
  /** Looks before that many reloads don't count. */
  readonly warmUp: number;
  /** Called after each round. */
  readonly onStep?: (progress: Progress) => void;
}

export interface UpgradeSoakResult {
  readonly seconds: number;
  readonly requests: number;
  readonly lost: readonly string[];
  readonly upgrades: Upgrades;
  readonly surprises: readonly string[];
  /** The looks after the warm-up. */
  readonly samples: readonly Sample[];
  readonly growth: readonly Growth[];
}

export async function soakUpgrades(options: UpgradeSoakOptions): Promise<UpgradeSoakResult> {
  const start = performance.now();
  const service = new SoakService(`--workers ${WORKERS} --surge 2 --start-timeout 60s`, 1, installVersioned);
  await service.start();
  const supervisor = await service.unit.mainPid();
  const load = new SoakLoad(service.host, "usual");
  const upgrades = new Upgrades(service, supervisor);
  const samples: Sample[] = [];
  const sample = async () => {
    await upgrades.settle();
    const reloads = upgrades.reloads + upgrades.failedAsPlanned;
    samples.push({ reloads, holdings: await look(service.unit, supervisor) });
    await upgrades.runQuiet();
  };
  try {
    await sample();
    for (const [index, round] of planUpgrades(options.seed, options.upgrades).entries()) {
      await upgrades.run(round);
      if ((index + 1) % options.sampleEvery === 0) await sample();
      options.onStep?.({ reloads: upgrades.reloads, requests: load.requests, lost: load.counts.lost.length });
    }
  } finally {
    await load.stop();
  }
  await upgrades.settle();
  const unplanned = service.unit.log.matching(UNPLANNED);
  const wrong = [...(await checkLife(service, supervisor)), ...upgrades.missing, ...unplanned];
  await service.remove();

  const counted = samples.filter(({ reloads }) => reloads >= options.warmUp);
  return {
    seconds: (performance.now() - start) / 1000,
    requests: load.requests,
    lost: load.counts.lost,
    upgrades,
    surprises: [...wrong, ...upgrades.surprises],
    samples: counted,
    growth: growthOf(counted),
  };
}
