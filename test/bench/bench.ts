// make bench measures the numbers of docs/benchmark.md on this machine. test/bench/run starts it.

import { existsSync, writeFileSync } from "node:fs";
import { ROOT } from "../support/supervisor.js";
import { PACKAGES } from "./candidate.js";
import { measureAll } from "./compare.js";
import { measureCost } from "./cost.js";
import { benchFelt } from "./felt.js";
import { describeHost } from "./host.js";
import { drainTimes, printLibrary, throughputRatios } from "./library.js";
import { draw } from "./picture.js";
import { printResults, summarize } from "./results.js";
import { measureUpgrades } from "./upgrades.js";
import { measureWorkers } from "./workers.js";

// Ctrl-C ends this process alone; test/system/sandbox then ends what it has started.
process.once("SIGINT", () => process.exit(130));

const machine = describeHost();
console.log(`${machine}\n`);

const start = await measureCost();
await measureWorkers();
await measureUpgrades(start);
const library = { throughputRatios: await throughputRatios(), drain: await drainTimes() };
printLibrary(library.throughputRatios, library.drain);

console.log(
  "\n16 clients, half of which keep their connections, each with a request every 10 ms; an app that boots in 300 ms:\n",
);
const all = await measureAll();
const candidates = summarize(all);
printResults(candidates);

await benchFelt();

writeFileSync(`${ROOT}build/bench.json`, `${JSON.stringify({ machine, library, candidates }, null, 2)}\n`);
console.log("All of it is in build/bench.json.");
if (existsSync(`${PACKAGES}node_modules/echarts`)) {
  writeFileSync(`${ROOT}build/bench.svg`, draw(all, machine));
  console.log("The picture is build/bench.svg; docs/bench.svg is the one in README and docs/benchmark.md.");
} else {
  console.log("The picture is left out: the package echarts isn't installed.");
}
