// What is varied: how heavy an app's boot is, how many workers it has, and how loaded they are.

import { pbkdf2Sync } from "node:crypto";
import { cpus } from "node:os";
import { median } from "../../support/median.js";
import type { Candidate } from "../candidate.js";

export interface Cell {
  /** A light boot waits for 300 ms. A heavy one burns 2 s of CPU time on every CPU, all workers together. */
  readonly boot: "light" | "heavy";
  readonly workers: 1 | 4;
  /** Of the CPU time that the workers can use, %. */
  readonly load: 30 | 80;
}

export const CELLS: readonly Cell[] = (["light", "heavy"] as const).flatMap(boot =>
  ([1, 4] as const).flatMap(workers => ([30, 80] as const).map(load => ({ boot, workers, load }))),
);

/** The one in which more reloads are measured, one by one. */
export const isPlain = ({ boot, workers, load }: Cell) => boot === "light" && workers === 1 && load === 30;

export const describeCell = ({ boot, workers, load }: Cell) =>
  `${boot} boot, ${workers} worker${workers === 1 ? "" : "s"}, ${load} % load`;

/** A way to reload, with an app that has that to do. */
export interface Peer {
  readonly name: string;
  /** Where it has nothing to offer, as its documentation says. @default all cells */
  suits?(cell: Cell): boolean;
  /** @param variables what the app is told by its environment */
  candidate(cell: Cell, variables: Readonly<Record<string, string>>): Candidate;
}

/** CPU time that a request takes, ms. */
const REQUEST = 2;
/** And a heavy boot on each CPU, ms. */
const HEAVY = 2000;
/** See load.ts: half of them keep their connections. */
export const CLIENTS = 16;

/** How often each client asks, ms. */
export function pace({ workers, load }: Cell): number {
  const capacity = Math.min(workers, cpus().length) / REQUEST;
  return CLIENTS / ((capacity * load) / 100);
}

export function variablesOf({ boot, workers }: Cell): Record<string, string> {
  const work = { WORK: String(iterations(REQUEST)) };
  if (boot === "light") return work;
  return { ...work, BOOT_THREADS: String(cpus().length), BOOT_WORK: String(iterations(HEAVY / workers)) };
}

let perMillisecond: number | undefined;

/** How many rounds of PBKDF2 take that long, in ms. */
function iterations(milliseconds: number): number {
  perMillisecond ??= median([1, 2, 3, 4, 5].map(measureOnce));
  return Math.round(perMillisecond * milliseconds);
}

function measureOnce(): number {
  const rounds = 200_000;
  const before = process.cpuUsage();
  pbkdf2Sync("measure", "salt", rounds, 32, "sha256");
  const { user, system } = process.cpuUsage(before);
  return rounds / ((user + system) / 1000);
}
