// A service of several workers that recycles them by --max-memory: they are made to grow. Only one that has run for a
// minute is replaced for that, so nothing else is done to them.

import { setTimeout as sleep } from "node:timers/promises";
import { CrewService } from "./crew-service.js";
import type { CrewTally } from "./tally.js";

/** More than a worker has, and less than one that has grown (see app.mjs). */
const OPTIONS = "--max-memory 220M";
/** A worker that is younger would be left alone, µs. */
const GROWN_UP = 62e6;
/** Longer than it takes to find one that is too large, to replace it, and those before it, ms. */
const PATIENCE = 180_000;

export class Recycling {
  private readonly surprises: string[] = [];

  private constructor(private readonly service: CrewService) {}

  static async start(): Promise<Recycling> {
    return new Recycling(await CrewService.start(OPTIONS));
  }

  private get recycled(): number {
    return this.service.recycled("uses .*");
  }

  /** Goes on until that many were recycled, and `signal` says that it is enough. */
  async run(wanted: number, signal: AbortSignal): Promise<void> {
    await this.grow(wanted, signal).catch((error: Error) => this.surprises.push(error.message));
  }

  private async grow(wanted: number, signal: AbortSignal): Promise<void> {
    const grown = new Set<number>();
    let [before, since] = [0, Date.now()];
    while (!signal.aborted || this.recycled < wanted) {
      const now = Number(process.hrtime.bigint() / 1000n);
      for (const { pid, startedAt } of await this.service.serving()) {
        if (grown.has(pid) || now - startedAt < GROWN_UP) continue;
        process.kill(pid, "SIGUSR2");
        grown.add(pid);
      }
      if (this.recycled > before) [before, since] = [this.recycled, Date.now()];
      if (Date.now() - since > PATIENCE)
        throw new Error(`no worker was recycled within ${PATIENCE} ms, after ${before}`);
      await sleep(1000);
    }
  }

  async end(): Promise<void> {
    this.surprises.push(...(await this.service.end()));
  }

  get tally(): CrewTally {
    const { service, surprises, recycled } = this;
    const nothing = { reloads: 0, failedAsPlanned: 0, scalings: 0, crashes: 0, byAge: 0 };
    return { name: OPTIONS, ...service.counts, ...nothing, byMemory: recycled, surprises };
  }
}
