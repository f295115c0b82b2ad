// make soak RELOADS=… REQUESTS=… SEED=… does reloads, faults, stops and starts under load, for minutes to hours. It ends with
// a table; its exit status is 1 when a request was lost, something went otherwise than planned, or something grows.

import { randomInt } from "node:crypto";
import { type Progress, soak } from "./run.js";
import { count, table } from "./table.js";

const number = (name: string, otherwise: number) => Number(process.env[name] || otherwise);
const seed = number("SEED", randomInt(2 ** 31));
const reloads = number("RELOADS", 1000);
const requests = number("REQUESTS", 5_000_000);

const LINE_EVERY = 100;
let shown = 0;

function onStep(progress: Progress): void {
  const text = `${count(progress.reloads)} reloads, ${count(progress.requests)} requests, ${progress.lost} lost`;
  if (process.stdout.isTTY) process.stdout.write(`\r${text}\x1b[K`);
  else if (progress.reloads >= shown + LINE_EVERY) console.log(text);
  else return;
  shown = progress.reloads - (progress.reloads % LINE_EVERY);
}

console.log(`SEED=${seed} RELOADS=${reloads} REQUESTS=${requests}`);
const result = await soak({
  bulk: true,
  seed,
  reloads,
  requests,
  sampleEvery: Math.ceil(reloads / 40),
  warmUp: reloads / 5,
  onStep,
});
console.log(`\n${table(result)}`);
const { lost, surprises, growth } = result;
process.exit(lost.length + surprises.length > 0 || growth.some(({ grows }) => grows) ? 1 : 0);
