// Measures what the supervisor itself costs, in ratios to a bare Node in the same run, because machines differ.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { native, SOCK_DGRAM } from "../../src/native/index.js";
import { median } from "../support/median.js";
import { privateKilobytes } from "../support/processes.js";
import { APPS, EXAMPLE_APP, TestSupervisor, ZERODOWN } from "../support/supervisor.js";
import { now, sinceEpoch } from "./clock.js";
import { IDLE_SECONDS, idleFootprint } from "./footprint.js";
import { report } from "./report.js";

const RUNS = 15;
const STARTS = 20;
/** Between two reloads, ms. */
const REST = 100;

/** A child that prints the time at which it runs. */
const STAMP = ["bash", "-c", "echo $EPOCHREALTIME"] as const;

/** Returns how long it takes from our spawn until the child prints, ms. */
function untilStamp(file: string, args: readonly string[]): number {
  const start = now();
  return sinceEpoch(Number(spawnSync(file, args).stdout.toString())) - start;
}

/** Measures from exec of zerodown to exec of its child, beside a bare Node's whole run. @returns the first, ms */
function benchStart(): number {
  const [ours, childs, bare]: [number[], number[], number[]] = [[], [], []];
  for (let run = 0; run < RUNS; run++) {
    ours.push(untilStamp(ZERODOWN, ["run", "--ready", "exec", "--", ...STAMP]));
    childs.push(untilStamp(STAMP[0], STAMP.slice(1)));
    const startBare = now();
    spawnSync("node", ["-e", "0"]);
    bare.push(now() - startBare);
  }
  // The time that the child itself takes until it prints doesn't count.
  const toExec = median(ours) - median(childs);
  report("start: exec of zerodown to exec of the child", `${toExec.toFixed(1)} ms`, "");
  report("       beside a bare node -e 0", `× ${(toExec / median(bare)).toFixed(2)}`, "goal: at most 1.3");
  return toExec;
}

async function benchIdle(ready: string, child: readonly string[]): Promise<void> {
  const bare: ChildProcess = spawn("node", ["-e", "setInterval(() => {}, 1e9)"]);
  // The supervisor has somebody to notify, because the library for that is part of the cost.
  const notifySocket = `@zerodown-bench-notify-${process.pid}`;
  const notifyFd = native.bindUnix(SOCK_DGRAM, notifySocket);
  const listen = ["--listen", `@zerodown-bench-${process.pid}`, "--ready", ready];
  const supervisor = new TestSupervisor([...listen, "--", ...child], { env: { NOTIFY_SOCKET: notifySocket } });
  await supervisor.serving(1);
  const ours = await idleFootprint(supervisor.pid);
  const ratio = ours.privateKilobytes / privateKilobytes(bare.pid!);
  report(`idle, child ${child[0]}: private memory`, `${ours.privateKilobytes} kB`, "");
  report("       beside a bare node", `× ${ratio.toFixed(2)}`, "goal: at most 1.1");
  report("       resident", `${ours.residentKilobytes} kB`, "");
  report(`       wake-ups in ${IDLE_SECONDS} s, all threads`, String(ours.wakeUps), "goal: 0");
  bare.kill();
  closeSync(notifyFd);
  await supervisor.stop();
}

/**
 * The child's own clock says when it was executed, when it said it was ready, and when it was told to stop. Here, too, the time
 * that it takes until it prints doesn't count.
 */
async function benchReload(): Promise<void> {
  const supervisor = new TestSupervisor(["--ready", "fd", "--", `${APPS}timestamps.sh`]);
  await supervisor.serving(1);
  const [toExec, childs, toStop]: [number[], number[], number[]] = [[], [], []];
  for (let run = 0; run < RUNS; run++) {
    const from = supervisor.output.count;
    const signalled = now();
    supervisor.signal("SIGHUP");
    const stamp = async (what: string) =>
      sinceEpoch(Number((await supervisor.output.next(new RegExp(`^${what} `), from)).split(" ")[1]));
    toExec.push((await stamp("executed")) - signalled);
    toStop.push((await stamp("stopped")) - (await stamp("ready")));
    childs.push(untilStamp(STAMP[0], STAMP.slice(1)));
    // A reload comes to a supervisor at rest, and not while it gives back the memory that the last one took.
    await supervisor.log.next(new RegExp(`generation ${run + 1} \\(pid \\d+\\) drained`));
    await sleep(REST);
  }
  const untilExec = median(toExec) - median(childs);
  report("reload: SIGHUP to the candidate's exec", `${untilExec.toFixed(1)} ms`, "goal: a few ms");
  report("        its readiness to the old one's stop signal", `${median(toStop).toFixed(1)} ms`, "goal: a few ms");
  await supervisor.stop();
}

/**
 * From the moment at which an app listens, which it notes itself, until the log says that it serves. It gets there after up to a
 * second: the longer it is looked at, the longer are the pauses.
 */
async function benchAccepting(): Promise<void> {
  const late: number[] = [];
  let wakeUps = 0;
  for (let start = 1; start <= STARTS; start++) {
    const app = ["python3", "-IS", `${APPS}waits.py`, "epoll", String(start / STARTS)];
    const listen = ["--listen", `@zerodown-bench-${process.pid}`, "--ready", "accept"];
    const supervisor = new TestSupervisor([...listen, "--", ...app]);
    await supervisor.serving(1);
    // Both are CLOCK_MONOTONIC, in ns.
    const serving = process.hrtime.bigint();
    const listening = BigInt((await supervisor.output.next(/^waits /)).split(" ")[1]!);
    late.push(Number(serving - listening) / 1e6);
    if (start === STARTS) ({ wakeUps } = await idleFootprint(supervisor.pid));
    await supervisor.stop();
  }
  report(`--ready accept: listening to serving, of ${STARTS} starts`, `${median(late).toFixed(1)} ms`, "");
  report("       the longest", `${Math.max(...late).toFixed(1)} ms`, "goal: at most 60 ms");
  report(`       wake-ups in ${IDLE_SECONDS} s after that, all threads`, String(wakeUps), "goal: 0");
}

/** @returns how long it takes from exec of zerodown to exec of its child, ms */
export async function measureCost(): Promise<number> {
  const start = benchStart();
  await benchIdle("exec", ["sleep", "infinity"]);
  await benchIdle("notify", ["node", EXAMPLE_APP]);
  await benchReload();
  await benchAccepting();
  return start;
}
