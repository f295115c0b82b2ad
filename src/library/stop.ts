// The stop: at the signal the tasks run, and the process exits when all of them are done.

import { setMaxListeners } from "node:events";
import { constants } from "node:os";
import { say } from "./logger.js";
import { isParent } from "./role.js";

let signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];
let isArmed = false;
const controller = new AbortController();
const tasks: (() => unknown)[] = [];

/**
 * Is aborted when this process is told to stop, so that the app's own long work can come to an end. (Before `serve()` or
 * `onStop()` is called, the signal ends this process, as it does any.)
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
// The whole process shares this signal, and each stream may listen to it.
setMaxListeners(0, stopping);

/**
 * Calls a function when this process is told to stop (SIGINT, SIGTERM, or what `init()` was told). The process exits when
 * all such functions, and the promises that they return, are done, and all servers of `serve()` are drained. The status is
 * 0, or 1 if any of it failed, or took longer than 85 s, or than the longest `stopTimeout` of `serve()` if that is more.
 *
 * @param task called once, without arguments; an error that it throws is logged, and changes nothing but the exit status
 * @throws {TypeError} when it isn't a function
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
  if (typeof task !== "function") throw new TypeError("onStop(): it isn't a function");
  arm();
  // The other tasks have been called already.
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

/** A little shorter than the supervisor's own, which kills the process before it can say what isn't done; ms. */
export const STOP_TIMEOUT = 85_000;
let limit = STOP_TIMEOUT;
let running = 0;
let failed = false;

function stop(signal: NodeJS.Signals): void {
  if (stopping.aborted) {
    // A user who presses Ctrl-C again has waited long enough. A supervisor that ends sends one more signal, but isn't in haste.
    if (signal === "SIGINT" && isParent()) process.exit(128 + constants.signals[signal]);
    return;
  }
  // The timer also keeps the process alive when no task waits for anything that Node knows of.
  setTimeout(giveUp, limit);
  // Counts as one more task, so that the process can't exit before all tasks are under way.
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
  say("err", `at the stop: tasks are not done after ${limit} ms: ${running}`);
  process.exit(1);
}

function finish(): void {
  running--;
  if (running === 0) process.exit(failed ? 1 : undefined);
}
