// The stop: the signal, what is done at it, and the exit when all of that is done.

import { setMaxListeners } from "node:events";
import { constants } from "node:os";
import { say } from "./logger.js";
import { isParent } from "./role.js";

let signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];
let isArmed = false;
const controller = new AbortController();
const tasks: (() => unknown)[] = [];

/**
 * Is aborted when this process is told to stop: for long work of the app's own, which then comes to an end. (Once `serve()`
 * or `onStop()` was called: before that the signal ends this process, as it does any.)
 *
 * @example
 * ```ts
 * import { setTimeout as sleep } from "node:timers/promises";
 * import { onStop, startupFinished, stopping } from "zerodown";
 *
 * async function work() {
 *   while (!stopping.aborted) await sleep(1000, undefined, { signal: stopping }).catch(() => {});
 * }
 * const done = work();
 * onStop(() => done);
 * startupFinished();
 * ```
 */
export const stopping: AbortSignal = controller.signal;
// One for all of the process: each stream may listen.
setMaxListeners(0, stopping);

/**
 * Calls a function when this process is told to stop (SIGINT, SIGTERM, or what `init()` was told). The process exits when
 * it, and all that it returns promises of, are done, and all servers of `serve()` are drained: with status 0, or 1 if
 * something of it failed, or takes longer than 85 s, or than the longest `stopTimeout` of `serve()`.
 *
 * @param task called once, without arguments; what it throws is logged, and changes nothing but the exit status
 * @throws {TypeError} when it is no function
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { onStop, serve } from "zerodown";
 *
 * const { closed } = await serve(createServer((_, response) => response.end()), { listen: 0 });
 * onStop(async () => {
 *   await closed;
 *   // No request needs the database any more.
 * });
 * ```
 */
export function onStop(task: () => unknown): void {
  if (typeof task !== "function") throw new TypeError("onStop(): it is no function");
  arm();
  // Too late to be called with the others.
  if (stopping.aborted) void run(task);
  else tasks.push(task);
}

/** @param time ms */
export function atLeastUntil(time: number): void {
  limit = Math.max(limit, time);
}

export function setStopSignals(given: readonly NodeJS.Signals[]): void {
  signals = given;
}

function arm(): void {
  if (isArmed) return;
  isArmed = true;
  for (const signal of signals) process.on(signal, () => stop(signal));
}

/** A little shorter than the supervisor's own, which tells nobody what was not done. ms */
export const STOP_TIMEOUT = 85_000;
let limit = STOP_TIMEOUT;
let running = 0;
let failed = false;

function stop(signal: NodeJS.Signals): void {
  if (stopping.aborted) {
    // Whoever presses Ctrl-C again has waited long enough. A supervisor's own end is one more signal, and no hurry.
    if (signal === "SIGINT" && isParent()) process.exit(128 + constants.signals[signal]);
    return;
  }
  // It also keeps the process up for tasks that wait for nothing of which Node knows.
  setTimeout(giveUp, limit);
  // Nothing is done before all of it is under way.
  running++;
  controller.abort();
  for (const task of tasks) void run(task);
  finish();
}

async function run(task: () => unknown): Promise<void> {
  running++;
  try {
    await task();
  } catch (error) {
    failed = true;
    say("err", `at the stop: ${(error as Error)?.stack ?? error}`);
  }
  finish();
}

function giveUp(): void {
  say("err", `at the stop: ${running} of what was to be done is not done after ${limit} ms`);
  process.exit(1);
}

function finish(): void {
  running--;
  if (running === 0) process.exit(failed ? 1 : undefined);
}
