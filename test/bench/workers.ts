// Measures what several workers cost the supervisor, and how connections are spread over them.

import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { eventually } from "../support/eventually.js";
import { ask, loopback } from "../support/http-load.js";
import { median } from "../support/median.js";
import { TestSupervisor } from "../support/supervisor.js";
import type { Address, Candidate } from "./candidate.js";
import { pm2 } from "./candidates/pm2.js";
import { zerodownWorkers } from "./candidates/zerodown.js";
import { now } from "./clock.js";
import { IDLE_SECONDS, idleFootprint } from "./footprint.js";
import { report } from "./report.js";

const COUNTS = [1, 4, 16, 64];
/** How many workers share the connections. */
const SHARING = 4;
const RELOADS = 5;
/** CPU time is counted in ticks of so many ms (CLK_TCK). */
const TICK = 10;
/** How many connections are opened at once. */
const CONNECTIONS = 200;

/** From SIGHUP until all serve, with children that are ready as soon as they are executed. */
async function benchReloads(workers: number): Promise<void> {
  const supervisor = new TestSupervisor(["--workers", String(workers), "--ready", "exec", "--", "sleep", "infinity"]);
  const serving = (generation: number) => supervisor.log.next(new RegExp(`generation ${generation} .* serving: `));
  await serving(1);
  const footprint = await idleFootprint(supervisor.pid);
  const before = cpuTime(supervisor.pid);
  const times: number[] = [];
  for (let generation = 2; generation <= RELOADS + 1; generation++) {
    const asked = now();
    supervisor.signal("SIGHUP");
    await serving(generation);
    times.push(now() - asked);
    // The next reload is measured without the end of this one.
    for (let slot = 0; slot < workers; slot++) await supervisor.log.next(drained(generation - 1, slot, workers));
  }
  const cpu = (cpuTime(supervisor.pid) - before) / RELOADS;
  report(`${workers} workers: SIGHUP until all serve`, `${median(times).toFixed(1)} ms`, "goal: at most linear");
  report("       the supervisor's CPU time for a reload", `${cpu.toFixed(0)} ms`, "goal: at most linear");
  report("       its private memory", `${footprint.privateKilobytes} kB`, "goal: 64 at most × 1.3 of 1");
  report(`       its wake-ups in ${IDLE_SECONDS} s, all threads`, String(footprint.wakeUps), "goal: 0");
  await supervisor.stop();
}

function drained(generation: number, slot: number, workers: number): RegExp {
  const worker = workers > 1 ? `worker ${slot} of ` : "";
  return new RegExp(`${worker}generation ${generation} \\(pid \\d+\\) (?:drained|was killed)`);
}

/** In user and system mode together, ms. */
function cpuTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

/** How many of the connections the busiest process has, beside the mean of all. */
async function benchBalance(candidate: Candidate): Promise<void> {
  const missing = candidate.missing?.();
  if (missing) return console.log(`balance: ${candidate.name}: left out: ${missing}`);
  const address = loopback();
  const running = await candidate.start(address);
  try {
    await eventually(() => ask(address));
    const pids = await Promise.all(Array.from({ length: CONNECTIONS }, () => pidBehind(address)));
    const counts = new Map<string, number>();
    for (const pid of pids) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    const ratio = Math.max(...counts.values()) / (CONNECTIONS / SHARING);
    report(`busiest of ${SHARING} beside the mean: ${candidate.name}`, `× ${ratio.toFixed(2)}`, "");
  } finally {
    await running.stop();
  }
}

/** Opens a connection that stays, and asks once who is behind it. */
function pidBehind({ host, port }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(port, host, () => socket.write("GET / HTTP/1.1\r\nHost: bench\r\n\r\n"));
    socket.on("error", reject);
    socket.on("data", data => {
      text += data;
      const pid = /pid (\d+)/.exec(text)?.[1];
      if (pid !== undefined) resolve(pid);
    });
  });
}

export async function measureWorkers(): Promise<void> {
  for (const workers of COUNTS) await benchReloads(workers);
  const candidates = [zerodownWorkers(SHARING, 1), zerodownWorkers(SHARING, SHARING), pm2("example", SHARING)];
  for (const candidate of candidates) await benchBalance(candidate);
}
