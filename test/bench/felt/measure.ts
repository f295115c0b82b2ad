// Measures one peer in one cell: what its clients feel while nothing happens, and from when a reload is asked for until the old
// processes are gone.

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, loopback } from "../../support/http-load.js";
import { now } from "../clock.js";
import { LoadProcess } from "../load-process.js";
import { during, type Latency, latency, type Period, ratio } from "../statistics.js";
import { type Cell, isPlain, type Peer, pace, variablesOf } from "./cell.js";

/** How long there is load before anything is measured, ms. */
const LEAD = 1000;
/** How long nothing happens then, ms. */
const QUIET = 4000;
/** Between two reloads, ms. */
const PAUSE = 300;
/** How often it is looked whether the old processes are gone, ms. */
const LOOK_EVERY = 5;
/** What isn't over by then never will be, ms. */
const LIMIT = 60_000;

export interface FeltReload {
  /** ms of now() */
  readonly asked: number;
  /** When a new process first answered. */
  readonly serving: number;
  /** When the last of those that had answered before was gone. */
  readonly gone: number;
}

export interface Felt {
  readonly name: string;
  readonly cell: Cell;
  readonly quiet: Latency;
  readonly reloading: Latency;
  readonly ratio: Latency;
  readonly reloads: readonly FeltReload[];
  readonly requests: number;
  readonly lost: number;
  /** How often clients that keep their connections had to open another one. */
  readonly reconnected: number;
}

export async function measureFelt(peer: Peer, cell: Cell): Promise<Felt> {
  const candidate = peer.candidate(cell, variablesOf(cell));
  const address = loopback();
  const running = await candidate.start(address);
  let load: LoadProcess | undefined;
  try {
    await answers(address);
    load = new LoadProcess(address, pace(cell));
    await load.serving(0);
    await sleep(LEAD);
    const from = now();
    await sleep(QUIET);
    const quiet = { from, to: now() };
    const reloads: FeltReload[] = [];
    while (reloads.length < reloadsIn(cell)) {
      reloads.push(await reloadOnce(load, running.reload!));
      await sleep(PAUSE);
    }
    const { samples, reconnected } = await load.stop();
    const answered = samples.filter(({ lost }) => !lost);
    const inThese = (periods: Period[]) => latency(during(answered, periods));
    const still = inThese([quiet]);
    const reloading = inThese(
      reloads.map(({ asked, serving, gone }) => ({ from: asked, to: Math.max(serving, gone) })),
    );
    return {
      ...{ name: peer.name, cell, quiet: still, reloading, ratio: ratio(reloading, still), reloads, reconnected },
      ...{ requests: samples.length, lost: samples.length - answered.length },
    };
  } finally {
    load?.kill();
    await running.stop();
  }
}

/** A heavy boot makes a long window, in which as many requests fall as in several others. */
function reloadsIn(cell: Cell): number {
  return isPlain(cell) ? 10 : cell.boot === "light" ? 3 : 1;
}

async function reloadOnce(load: LoadProcess, reload: () => Promise<unknown>): Promise<FeltReload> {
  const before = new Set(readdirSync("/proc"));
  const asked = now();
  const reloading = reload();
  // It is awaited below; until then its failure isn't unhandled.
  reloading.catch(() => {});
  const serving = await servingSince(load, before, asked);
  const old = load.pids.filter(pid => before.has(String(pid)));
  while (old.some(isThere)) {
    if (now() > asked + LIMIT) throw new Error(`the old processes are there after ${LIMIT / 1000} s`);
    await sleep(LOOK_EVERY);
  }
  const gone = now();
  await reloading;
  return { asked, serving, gone };
}

/** When a process answered that wasn't there before. */
async function servingSince(load: LoadProcess, before: ReadonlySet<string>, asked: number): Promise<number> {
  for (let index = 0; ; index++) {
    const at = await load.serving(index, LIMIT);
    if (at >= asked && !before.has(String(load.pids[index]))) return at;
  }
}

function isThere(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function answers(address: { host: string; port: number }): Promise<void> {
  const end = now() + LIMIT;
  for (;;) {
    try {
      await ask(address);
      return;
    } catch (error) {
      if (now() > end) throw error;
      await sleep(20);
    }
  }
}
