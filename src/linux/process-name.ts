// What people call a process.

import { readFileSync } from "node:fs";

/** From version 24 on Node calls the main thread so, and with that the process. */
const MAIN_THREAD_OF_NODE = "MainThread";

/** @throws {NodeJS.ErrnoException} when there is no such process, or /proc hides it */
export function processName(pid: number): string {
  const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  return name === MAIN_THREAD_OF_NODE ? "node" : name;
}
