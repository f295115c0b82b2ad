// What clients feel of a reload, by how heavy the boot is, how many workers there are and how loaded they are: each peer in each
// cell, in one run. As a program of its own it measures those whose names its arguments are in: "heavy 4 80 Zerodown".

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { argv } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ask, loopback } from "../support/http-load.js";
import { median } from "../support/median.js";
import { ROOT } from "../support/supervisor.js";
import { BENCH_APPS } from "./candidate.js";
import { CELLS, type Cell, describeCell, isPlain, type Peer, variablesOf } from "./felt/cell.js";
import { type Felt, measureFelt } from "./felt/measure.js";
import { FELT_PEERS } from "./felt/peers.js";
import { feltTables, writeInto } from "./felt/table.js";
import { describeHost } from "./host.js";

/** Prints the tables, and writes them into docs/benchmark.md where they are whole. @param wanted words, see above; all for none */
export async function benchFelt(...wanted: readonly string[]): Promise<void> {
  const boot = { node: await nodeBoot() };
  const all: Felt[] = [];
  for (const cell of CELLS) {
    for (const peer of FELT_PEERS) {
      const words = [cell.boot, String(cell.workers), String(cell.load), ...peer.name.split(/[ ,]+/)];
      if (!wanted.every(word => words.includes(word)) || peer.suits?.(cell) === false) continue;
      const felt = await tryOne(peer, cell);
      if (felt) all.push(felt);
    }
  }
  writeFileSync(`${ROOT}build/felt.json`, `${JSON.stringify({ machine: describeHost(), boot, all }, null, 2)}\n`);
  const tables = feltTables(all, boot);
  console.log(`\nEach percentile in reloads beside that of the same run without:\n\n${tables}\n`);
  if (wanted.length > 0) return;
  writeInto(`${ROOT}docs/benchmark.md`, describeHost(), tables);
  console.log("They are in docs/benchmark.md.");
}

async function tryOne(peer: Peer, cell: Cell): Promise<Felt | undefined> {
  const missing = peer.candidate(cell, {}).missing?.();
  if (missing) {
    if (isPlain(cell)) console.log(`${peer.name}: left out: ${missing}`);
    return undefined;
  }
  console.error(`measuring: ${describeCell(cell)}: ${peer.name}`);
  try {
    return await measureFelt(peer, cell);
  } catch (error) {
    console.log(`${describeCell(cell)}: ${peer.name}: left out: it failed: ${(error as Error).message.split("\n")[0]}`);
    return undefined;
  }
}

/** From the start of the light app alone to its first answer, ms. */
async function nodeBoot(): Promise<number> {
  const variables = variablesOf({ boot: "light", workers: 1, load: 30 });
  const times: number[] = [];
  while (times.length < 5) {
    const address = loopback();
    const env = { ...process.env, ...variables, HOST: address.host, PORT: String(address.port) };
    const begun = performance.now();
    const app = spawn(process.execPath, [`${BENCH_APPS}work-peer.mjs`], { env, stdio: "ignore" });
    while (!(await ask(address).catch(() => undefined))) await sleep(1);
    times.push(performance.now() - begun);
    app.kill("SIGKILL");
    await once(app, "exit");
  }
  return median(times);
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  process.once("SIGINT", () => process.exit(130));
  await benchFelt(...argv.slice(2));
}
