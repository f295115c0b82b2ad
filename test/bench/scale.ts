// make scale shows how a reload's time and the supervisor's memory grow with sockets, environment, and draining generations.

import { writeFileSync } from "node:fs";
import { columns } from "../support/columns.js";
import { eventually } from "../support/eventually.js";
import { median } from "../support/median.js";
import { privateMemory } from "../support/processes.js";
import { TestSupervisor, temporaryDirectory } from "../support/supervisor.js";

const RELOADS = 9;
const KIB = 1024;

/** A child that is ready when it is executed, and ends at once when it is told to. */
const SHORT = ["sleep", "infinity"];
/** A child that drains without end. */
const LONG = ["sh", "-c", "trap '' INT; exec sleep infinity"];

/** Reloads, and returns the time from SIGHUP to the line that says that the new generation serves, ms. */
async function reload(supervisor: TestSupervisor): Promise<number> {
  const start = performance.now();
  const line = await supervisor.reload();
  if (line.includes("failed")) throw new Error(line);
  return performance.now() - start;
}

/** Returns how long some reloads take, and the memory after them. */
async function measure(supervisor: TestSupervisor): Promise<string[]> {
  await supervisor.serving(1);
  const times: number[] = [];
  for (let run = 0; run < RELOADS; run++) times.push(await reload(supervisor));
  await eventually(() => {
    if (supervisor.children().length > 1) throw new Error("old generations don't end");
  });
  return [`${median(times).toFixed(1)} ms`, `${await privateMemory(supervisor.pid)} kB`];
}

async function sockets(count: number): Promise<string[]> {
  const listen = Array.from({ length: count }, (_, index) => ["--listen", `n${index}=@scale-${process.pid}-${index}`]);
  const supervisor = new TestSupervisor([...listen.flat(), "--ready", "exec", "--", ...SHORT]);
  const measured = await measure(supervisor);
  await supervisor.stop();
  return [String(count), ...measured];
}

/** Measures with variables of 64 KiB each. */
async function environment(kibibytes: number): Promise<string[]> {
  const value = "x".repeat(Math.min(kibibytes, 64) * KIB - 16);
  const count = Math.max(kibibytes / 64, 1);
  const env = Object.fromEntries(Array.from({ length: count }, (_, index) => [`SCALE_${index}`, value]));
  const supervisor = new TestSupervisor(["--ready", "exec", "--", ...SHORT], { env });
  const measured = await measure(supervisor);
  await supervisor.stop();
  return [`${kibibytes} KiB`, ...measured];
}

/** Returns the line that an operator reads if --env-file says more than the kernel takes. */
async function beyond(text: string): Promise<string> {
  const { path, remove } = temporaryDirectory();
  const file = `${path}/env`;
  writeFileSync(file, "");
  const supervisor = new TestSupervisor(["--env-file", file, "--ready", "exec", "--", ...SHORT]);
  await supervisor.serving(1);
  writeFileSync(file, text);
  const line = await supervisor.reload();
  await supervisor.stop();
  remove();
  return line;
}

async function draining(counts: readonly number[]): Promise<string[][]> {
  const supervisor = new TestSupervisor(["--stop-timeout", "infinity", "--ready", "exec", "--", ...LONG]);
  await supervisor.serving(1);
  const before = [await privateMemory(supervisor.pid), supervisor.openFds()] as const;
  const rows: string[][] = [];
  const times: number[] = [];
  while (times.length < counts.at(-1)!) {
    times.push(await reload(supervisor));
    if (!counts.includes(times.length)) continue;
    const memory = await privateMemory(supervisor.pid);
    const each = ((memory - before[0]) / times.length).toFixed(1);
    const fds = ((supervisor.openFds() - before[1]) / times.length).toFixed(1);
    rows.push([String(times.length), `${median(times.slice(-5)).toFixed(1)} ms`, `${memory} kB`, `${each} kB`, fds]);
  }
  await supervisor.kill();
  return rows;
}

async function each<T>(values: readonly T[], measureOne: (value: T) => Promise<string[]>): Promise<string[][]> {
  const rows: string[][] = [];
  for (const value of values) rows.push(await measureOne(value));
  return rows;
}

const HEAD = ["reload", "private memory"];
console.log(columns([["sockets", ...HEAD], ...(await each([1, 10, 100, 1000], sockets))]));
console.log(`\n${columns([["environment", ...HEAD], ...(await each([1, 64, 512, 1024, 1920], environment))])}`);
console.log(`\n${columns([["draining", ...HEAD, "each", "descriptors each"], ...(await draining([1, 10, 50]))])}`);
console.log(`\nOne variable of 128 KiB:\n${await beyond(`LONG=${"x".repeat(128 * KIB)}\n`)}`);
const many = Array.from({ length: 40 }, (_, index) => `MANY_${index}=${"x".repeat(64 * KIB)}\n`);
console.log(`\n40 variables of 64 KiB:\n${await beyond(many.join(""))}`);
