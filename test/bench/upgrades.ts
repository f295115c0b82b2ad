// Measures how long an upgrade takes, and what clients notice of it.

import { setTimeout as sleep } from "node:timers/promises";
import { callSupervisor } from "../../src/control/client.js";
import { locateControl } from "../../src/control/locate.js";
import { eventually } from "../support/eventually.js";
import { ask, loopback } from "../support/http-load.js";
import { median } from "../support/median.js";
import { idle } from "../support/processes.js";
import { TestSupervisor } from "../support/supervisor.js";
import { zerodownRun } from "./candidates/zerodown.js";
import { now } from "./clock.js";
import { LoadProcess } from "./load-process.js";
import { report } from "./report.js";
import { during, latency, type Period } from "./statistics.js";

const COUNTS = [1, 4, 16, 64];
const UPGRADES = 9;
/** How many there are under load: enough for a thousandth of the requests to be several. */
const UPGRADES_UNDER_LOAD = 50;
/** How long there is load before anything is measured, ms. */
const LEAD = 1000;
/** How long there is load without an upgrade, ms. */
const WITHOUT = 15_000;
/** The time from one upgrade to the next, ms. */
const PAUSE = 200;

/** Has the supervisor replace itself, and resolves with when that was asked for and answered. */
async function upgrade(control: string): Promise<Period> {
  const from = now();
  await callSupervisor(control, "Upgrade", {});
  return { from, to: now() };
}

async function benchDuration(workers: number, start: number): Promise<void> {
  const supervisor = new TestSupervisor(["--workers", String(workers), "--ready", "exec", "--", "sleep", "infinity"]);
  await supervisor.log.next(/generation 1 .* serving: /);
  const control = locateControl(supervisor.pid)!;
  const times: number[] = [];
  for (let run = 0; run < UPGRADES; run++) {
    await idle(supervisor.pid);
    const { from, to } = await upgrade(control);
    times.push(to - from);
  }
  const time = median(times);
  const what = workers === 1 ? "upgrade: asked to answered, 1 worker" : `         ${workers} workers`;
  report(what, `${time.toFixed(1)} ms`, workers === 1 ? "" : "goal: at most linear");
  if (workers === 1) report("         beside a start", `× ${(time / start).toFixed(2)}`, "goal: at most 3");
  await supervisor.kill();
}

async function benchClients(): Promise<void> {
  const address = loopback();
  const running = await zerodownRun.start(address);
  let load: LoadProcess | undefined;
  try {
    await eventually(() => ask(address));
    const control = locateControl(running.supervisor!)!;
    load = new LoadProcess(address);
    await load.serving(0);
    await sleep(LEAD);
    const begun = now();
    await sleep(WITHOUT);
    const without = { from: begun, to: now() };
    const upgrades: Period[] = [];
    while (upgrades.length < UPGRADES_UNDER_LOAD) {
      upgrades.push(await upgrade(control));
      await sleep(PAUSE);
    }
    const { samples, failures } = await load.stop();
    const [quiet, busy] = [latency(during(samples, [without])), latency(during(samples, upgrades))];
    const text = ({ p50, "p99.9": high }: typeof quiet) => `${p50.toFixed(1)}, ${high.toFixed(1)} ms`;
    report("         clients' p50 and p99.9 meanwhile", text(busy), "");
    report("         and without", text(quiet), "goal: the same");
    report(`         requests lost in ${UPGRADES_UNDER_LOAD} upgrades`, String(failures.length), "goal: 0");
  } finally {
    load?.kill();
    await running.stop();
  }
}

/** @param start how long the supervisor takes to start with one worker, ms */
export async function measureUpgrades(start: number): Promise<void> {
  for (const workers of COUNTS) await benchDuration(workers, start);
  await benchClients();
}
