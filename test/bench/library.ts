// Measures what the library costs an app: requests a second with serve() and without, and how long its drain takes.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { ask, loopback } from "../support/http-load.js";
import { Http1Connection } from "../support/http1-client.js";
import { median } from "../support/median.js";
import { type Address, BENCH_APPS, isInstalled, run } from "./candidate.js";
import { report } from "./report.js";

/** The rounds are short, so that what else the machine does meets both. */
const ROUNDS = 10;
const ROUND_SECONDS = 1;
/** How long the longest request in flight takes, ms. */
const LONGEST = 1000;
/** How long that request has been under way when the stop signal comes, ms. */
const HEAD_START = 300;

async function startApp(address: Address, env: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const options = { ...process.env, HOST: address.host, PORT: String(address.port), ...env };
  const app = spawn(process.execPath, [`${BENCH_APPS}library.mjs`], { env: options, stdio: "ignore" });
  await eventually(() => ask(address));
  return app;
}

/** @returns each round's ratio of requests a second with serve() to those without; undefined where wrk isn't installed */
export async function throughputRatios(): Promise<number[] | undefined> {
  if (!isInstalled("wrk")) return undefined;
  const addresses = [loopback(), loopback()] as const;
  const apps = [await startApp(addresses[0]), await startApp(addresses[1], { BARE: "1" })];
  try {
    const ratios: number[] = [];
    // The first round warms both up.
    for (let round = 0; round <= ROUNDS; round++) {
      const isSwapped = round % 2 === 1;
      const first = await requestsPerSecond(addresses[isSwapped ? 1 : 0]);
      const second = await requestsPerSecond(addresses[isSwapped ? 0 : 1]);
      if (round > 0) ratios.push(isSwapped ? second / first : first / second);
    }
    return ratios;
  } finally {
    for (const app of apps) app.kill("SIGKILL");
  }
}

async function requestsPerSecond({ host, port }: Address): Promise<number> {
  const printed = await run("wrk", ["-t1", "-c16", `-d${ROUND_SECONDS}s`, `http://${host}:${port}/`]);
  if (/Socket errors|Non-2xx/.test(printed)) throw new Error(printed);
  return Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(printed)![1]);
}

export interface DrainTimes {
  /** The time from the stop signal to the last answer, ms. */
  readonly request: number;
  /** The time from the stop signal to the process's end, ms. */
  readonly drain: number;
}

/** Drains with one request in flight, on a connection that its client would keep; no other is open. */
export async function drainTimes(): Promise<DrainTimes> {
  const address = loopback();
  const app = await startApp(address);
  const ended = once(app, "exit").then(() => performance.now());
  const slow = new Http1Connection(address).request({ path: `/slow?${LONGEST}` });
  const answered = slow.then(() => performance.now());
  await sleep(HEAD_START);
  const stopped = performance.now();
  app.kill("SIGINT");
  return { request: (await answered) - stopped, drain: (await ended) - stopped };
}

export function printLibrary(ratios: readonly number[] | undefined, { request, drain }: DrainTimes): void {
  if (ratios) {
    const value = `× ${median(ratios).toFixed(3)}`;
    report("library: requests/s with serve() to those without", value, "goal: at least 0.98");
  } else {
    console.log("library: requests/s: left out: the package wrk isn't installed");
  }
  const more = `+ ${(drain - request).toFixed(0)} ms`;
  report("         a drain beside the longest request in flight", more, "goal: none longer");
}
