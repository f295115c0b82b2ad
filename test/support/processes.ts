// Looks at other processes, and limits them.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { eventually } from "./eventually.js";

/** Returns one letter, as in proc_pid_stat(5); "" when there is no such process. */
export function processState(pid: number): string {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))![1]!;
  } catch {
    return "";
  }
}

/** Whether the process is neither gone nor a zombie. */
export function isAlive(pid: number): boolean {
  return !["", "Z", "X"].includes(processState(pid));
}

/** Kills every process that was started with this assignment in its environment. */
export function killAllWith(assignment: string): void {
  for (const pid of readdirSync("/proc").filter(name => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      if (environment.includes(assignment)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // The process is gone, or another user's.
    }
  }
}

/** The kinds of descriptors that a process has open, sorted: "/dev/null", "socket:", "anon_inode:[pidfd]" … */
export function fdKinds(pid: number): string[] {
  const kinds = readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\[\d+\]$/, "")];
    } catch {
      return []; // The descriptor was closed meanwhile.
    }
  });
  return kinds.sort();
}

/** Resolves when the process waits, with nothing under way. */
export async function idle(pid: number): Promise<void> {
  let before = "";
  await eventually(() => {
    const [state, ...switches] = readFileSync(`/proc/${pid}/status`, "utf8").match(/^(State|\S*ctxt_switches):.*$/gm)!;
    const now = switches.join();
    const isIdle = now === before && state!.includes("S (sleeping)");
    before = now;
    if (!isIdle) throw new Error(`process ${pid} is busy`);
  });
}

/** Resolves with the private memory in kB, when the process waits. */
export async function privateMemory(pid: number): Promise<number> {
  await idle(pid);
  return privateKilobytes(pid);
}

/** Returns how much memory a process has that no other has, kB. */
export function privateKilobytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0);
}

/** Returns the numbers that a process's next descriptors will have. */
export function nextFds(pid: number): number[] {
  const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  return Array.from({ length: taken.size + 2 }, (_, number) => number).filter(number => !taken.has(number));
}

/** Returns the size of a process's address space, bytes. */
export function virtualMemory(pid: number): number {
  return Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

/** Sets a soft limit of a running process, as its user, and returns a function that sets it back. */
export function limit(pid: number, resource: "nofile" | "nproc" | "as", value: number, uid = 0): () => void {
  const prlimit = (...args: string[]) =>
    execFileSync("prlimit", ["--pid", String(pid), ...args], { uid, gid: uid, encoding: "utf8" });
  const before = prlimit(`--${resource}`, "--noheadings", "--raw", "--output", "SOFT").trim();
  prlimit(`--${resource}=${value}:`);
  return () => prlimit(`--${resource}=${before}:`);
}
