// Looks at what a supervisor holds while nothing is under way.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { idle, privateKilobytes, processState } from "../support/processes.js";
import type { TestUnit } from "../support/unit.js";

/** The figures in the order in which they are shown. */
export const RESOURCES = [
  "private memory, kB",
  "resident memory, kB",
  "descriptors",
  "threads",
  "timers that run",
  "child processes",
  "zombies",
  "cgroups",
  "descriptors in systemd's store",
  "files in its runtime directory",
] as const;

export type Holdings = Readonly<Record<(typeof RESOURCES)[number], number>>;

/** Longer than any drain of the app here, ms. */
const PATIENCE = 120_000;

/** Resolves when all generations but one are gone, which has that many processes. */
export async function settled(supervisor: number, processes = 1): Promise<void> {
  for (const end = Date.now() + PATIENCE; children(supervisor).length !== processes; await sleep(50)) {
    if (Date.now() > end) throw new Error(`generations don't end: pids ${children(supervisor)}`);
  }
  await idle(supervisor);
}

export async function look(unit: TestUnit, supervisor: number): Promise<Holdings> {
  const [stored, cgroup, runtime] = await Promise.all(
    ["NFileDescriptorStore", "ControlGroup", "RuntimeDirectory"].map(name => unit.property(name)),
  );
  const proc = (file: string) => readFileSync(`/proc/${supervisor}/${file}`, "utf8");
  return {
    "private memory, kB": privateKilobytes(supervisor),
    "resident memory, kB": Number(/^Rss:\s+(\d+) kB/m.exec(proc("smaps_rollup"))![1]),
    descriptors: readdirSync(`/proc/${supervisor}/fd`).length,
    threads: readdirSync(`/proc/${supervisor}/task`).length,
    "timers that run": waitsWithTimeout(proc("syscall")) ? 1 : 0,
    "child processes": children(supervisor).length,
    zombies: children(supervisor).filter(pid => processState(pid) === "Z").length,
    cgroups: entries(`/sys/fs/cgroup${cgroup}`).filter(path => statSync(path).isDirectory()).length,
    "descriptors in systemd's store": Number(stored),
    "files in its runtime directory": entries(`${process.env.XDG_RUNTIME_DIR}/${runtime}`).length,
  };
}

/** Pids of its direct children, zombies included. */
export function children(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

/** Node's event loop waits in epoll_pwait(2), whose fourth argument is −1 only when no timer at all is set. */
function waitsWithTimeout(syscall: string): boolean {
  return Number.parseInt(syscall.split(" ")[4]!, 16) !== 0xffffffff;
}

function entries(directory: string): string[] {
  return readdirSync(directory, { recursive: true }).map(name => `${directory}/${name}`);
}
