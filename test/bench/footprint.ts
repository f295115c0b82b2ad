// Measures what a process costs while it has nothing to do.

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { privateKilobytes } from "../support/processes.js";

/** How long it takes until a process that has just started is at rest, ms. */
const SETTLING = 2000;
export const IDLE_SECONDS = 5;

export interface Footprint {
  readonly privateKilobytes: number;
  readonly residentKilobytes: number;
  /** How often all threads together wake up in `IDLE_SECONDS`. */
  readonly wakeUps: number;
}

export async function idleFootprint(pid: number): Promise<Footprint> {
  await sleep(SETTLING);
  const before = switches(pid);
  await sleep(IDLE_SECONDS * 1000);
  const wakeUps = switches(pid) - before;
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1];
  return { privateKilobytes: privateKilobytes(pid), residentKilobytes: Number(resident), wakeUps };
}

function switches(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, "utf8");
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)![1]);
  }, 0);
}
