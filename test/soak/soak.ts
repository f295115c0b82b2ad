// make soak RELOADS=… REQUESTS=… CREW_RELOADS=… RECYCLED=… UPGRADES=… SEED=… does reloads, faults, stops and starts under load,
// for minutes to hours, and then upgrades. Each ends with tables; with RELOADS=0 or UPGRADES=0 it is left out. The exit status
// is 1 when a request was lost, something went otherwise than planned, or something grows. SIGINT ends the
// reloads early, once CREW_RELOADS and RECYCLED are reached, with the table of what it has seen.

import { randomInt } from "node:crypto";
import { CREWS } from "./plan.js";
import { type Progress, type SoakResult, soak } from "./run.js";
import { count, table } from "./table.js";
import { soakUpgrades } from "./upgrade-run.js";
import { upgradeTable } from "./upgrade-table.js";

const number = (name: string, otherwise: number) => Number(process.env[name] || otherwise);
const seed = number("SEED", randomInt(2 ** 31));
const reloads = number("RELOADS", 1000);
const requests = number("REQUESTS", 5_000_000);
const crewReloads = number("CREW_RELOADS", 50);
const recycled = number("RECYCLED", 20);
const upgrades = number("UPGRADES", 200);

const early = new AbortController();
const endEarly = () => early.abort();

const LINE_EVERY = 100;
let shown = 0;

function onStep(progress: Progress): void {
  const text = `${count(progress.reloads)} reloads, ${count(progress.requests)} requests, ${progress.lost} lost`;
  if (process.stdout.isTTY) process.stdout.write(`\r${text}\x1b[K`);
  else if (progress.reloads >= shown + LINE_EVERY) console.log(text);
  else return;
  shown = progress.reloads - (progress.reloads % LINE_EVERY);
}

console.log(
  `SEED=${seed} RELOADS=${reloads} REQUESTS=${requests} CREW_RELOADS=${crewReloads} RECYCLED=${recycled} UPGRADES=${upgrades}`,
);
const results: Pick<SoakResult, "lost" | "surprises" | "growth">[] = [];
if (reloads > 0) {
  process.once("SIGINT", endEarly);
  const result = await soak({
    bulk: true,
    seed,
    reloads,
    requests,
    crews: CREWS,
    crewReloads,
    recycled,
    sampleEvery: Math.ceil(reloads / 40),
    warmUp: reloads / 5,
    signal: early.signal,
    onStep,
  });
  process.off("SIGINT", endEarly);
  console.log(`\n${table(result)}`);
  results.push(result);
}
if (upgrades > 0 && !early.signal.aborted) {
  shown = 0;
  // Of each there are two reloads.
  const [sampleEvery, warmUp] = [Math.ceil(upgrades / 40), (upgrades * 2) / 5];
  const result = await soakUpgrades({ seed, upgrades, sampleEvery, warmUp, onStep });
  console.log(`\n${upgradeTable(result)}`);
  results.push(result);
}
const isBad = results.some(
  ({ lost, surprises, growth }) => lost.length + surprises.length > 0 || growth.some(({ grows }) => grows),
);
process.exit(isBad ? 1 : 0);
