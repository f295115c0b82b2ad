// What limits how many descriptors this process may have open, and how many tasks (processes and threads) there may be.

import { readdirSync } from "node:fs";
import { ownCgroups, readCgroup, readText } from "./own-cgroups.js";

export interface Limit {
  /** In the words of systemd. */
  readonly name: string;
  readonly max: number;
  /** How much of it is in use. */
  readonly used: number;
}

/** CAP_SYS_ADMIN and CAP_SYS_RESOURCE: who has one of them is not bound by RLIMIT_NPROC. */
const UNBOUND = (1n << 21n) | (1n << 24n);

/** The soft limit of open files, which Node raises to the hard one; undefined where there is no /proc to tell. */
export function maxOpenFiles(): number | undefined {
  return softLimit("Max open files");
}

/** @returns none where that can't be told */
export function fileLimits(): Limit[] {
  const max = maxOpenFiles();
  return max === undefined ? [] : [{ name: "LimitNOFILE=", max, used: readdirSync("/proc/self/fd").length }];
}

/** Those that bind this process, of its user and of its cgroups. */
export function taskLimits(): Limit[] {
  return [...userLimits(), ...cgroupLimits(ownCgroups(), readCgroup)];
}

/** @param read reads a file of a cgroup */
export function cgroupLimits(cgroups: readonly string[], read: (cgroup: string, file: string) => string): Limit[] {
  return cgroups.flatMap(cgroup => {
    const [max, used] = [read(cgroup, "pids.max"), read(cgroup, "pids.current")];
    // "max" is no limit.
    return /^\d/.test(max) ? [{ name: `TasksMax= of ${cgroup}`, max: Number(max), used: Number(used) }] : [];
  });
}

/** How many threads a process has; 0 for one that is gone. */
export function threadsOf(pid: number | string): number {
  return Number(/^Threads:\s+(\d+)$/m.exec(readText(`/proc/${pid}/status`))?.[1] ?? 0);
}

/** RLIMIT_NPROC counts all tasks of a user. */
function userLimits(): Limit[] {
  const uid = process.getuid!();
  const max = softLimit("Max processes");
  const [, capabilities = "0"] = /^CapEff:\s+(\w+)$/m.exec(readText("/proc/self/status")) ?? [];
  const isUnbound = uid === 0 || (BigInt(`0x${capabilities}`) & UNBOUND) !== 0n;
  if (isUnbound || max === undefined || max === Number.POSITIVE_INFINITY) return [];
  const pids = readdirSync("/proc").filter(name => /^\d+$/.test(name));
  const own = pids.filter(pid => new RegExp(`^Uid:\\s+${uid}\\s`, "m").test(readText(`/proc/${pid}/status`)));
  const used = own.reduce((sum, pid) => sum + threadsOf(pid), 0);
  return [{ name: `LimitNPROC=, which counts all of user ${uid},`, max, used }];
}

function softLimit(name: string): number | undefined {
  const [, limit] = new RegExp(`^${name} +(\\S+)`, "m").exec(readText("/proc/self/limits")) ?? [];
  if (limit === undefined) return undefined;
  return limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit);
}
