// How a unit's CPU time, and its disk's, is shared out among the cgroups below it: cpu.weight and io.weight of cgroups(7).

import { existsSync, readdirSync } from "node:fs";
import { read, write } from "./cgroup-file.js";

/** What the kernel allows. */
const MOST = 10_000;
/** What a cgroup has by itself. */
const USUAL = 100;

/** @throws {NodeJS.ErrnoException} ENOENT: the cpu controller is missing */
export function setWeight(directory: string, weight: number): void {
  write(`${directory}/cpu.weight`, String(weight));
  // Not every kernel shares out disks.
  const disk = `${directory}/io.weight`;
  if (existsSync(disk)) write(disk, String(weight));
}

/**
 * The cgroup around those of a generation's workers gets the sum of theirs, so that each has its share beside the workers of
 * another generation.
 *
 * @throws {NodeJS.ErrnoException}
 */
export function addUpWeights(around: string): void {
  if (!existsSync(`${around}/cpu.weight`)) return;
  const inside = readdirSync(around, { withFileTypes: true }).filter(entry => entry.isDirectory());
  const sum = inside.reduce((sum, { name }) => sum + weightIn(`${around}/${name}`), 0);
  if (sum > 0) setWeight(around, Math.min(sum, MOST));
}

/** The same, where a share that is wrong must keep nobody from what else there is to do. */
export function tryToAddUpWeights(around: string): void {
  try {
    addUpWeights(around);
  } catch {
    // With cpu.idle=1, for one, the kernel takes no weight.
  }
}

function weightIn(directory: string): number {
  try {
    return Number(read(`${directory}/cpu.weight`)) || USUAL;
  } catch {
    return USUAL;
  }
}
