// Measures one candidate under load, through its reloads.

import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { ask, loopback } from "../support/http-load.js";
import type { Candidate, Running } from "./candidate.js";
import { now } from "./clock.js";
import { type Footprint, idleFootprint } from "./footprint.js";
import { LoadProcess, type Observed } from "./load-process.js";
import { AFTERMATH, type Reload } from "./statistics.js";

const RELOADS = 10;
/** How long there is load before the first reload, ms. */
const LEAD = 1000;
/** The time from one reload's aftermath to the next reload, ms. */
const PAUSE = 100;
/** How long there is load where nothing is reloaded, ms. */
const WITHOUT_RELOADS = 15_000;

export interface Measured extends Observed {
  readonly name: string;
  readonly reloads: readonly Reload[];
  /** The supervisor's, before there was any load. */
  readonly footprint: Footprint | undefined;
}

export async function measure(candidate: Candidate): Promise<Measured> {
  const address = loopback();
  const running = await candidate.start(address);
  let load: LoadProcess | undefined;
  try {
    await eventually(() => ask(address));
    const footprint = running.supervisor ? await idleFootprint(running.supervisor) : undefined;
    load = new LoadProcess(address);
    await load.serving(0);
    await sleep(LEAD);
    const reloads = await reloadUnder(load, running);
    return { name: candidate.name, reloads, footprint, ...(await load.stop()) };
  } finally {
    load?.kill();
    await running.stop();
  }
}

async function reloadUnder(load: LoadProcess, { reload }: Running): Promise<Reload[]> {
  const reloads: Reload[] = [];
  if (!reload) await sleep(WITHOUT_RELOADS);
  while (reload && reloads.length < RELOADS) {
    const asked = now();
    const [serving] = await Promise.all([load.serving(load.generations), reload()]);
    reloads.push({ asked, serving });
    await sleep(serving + AFTERMATH + PAUSE - now());
  }
  return reloads;
}
