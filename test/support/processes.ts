// Looking at other processes through /proc.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** One letter, as in proc_pid_stat(5); "" when there is no such process. */
export function processState(pid: number): string {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))![1]!;
  } catch {
    return "";
  }
}

/** Neither gone nor a zombie. */
export function isAlive(pid: number): boolean {
  return !["", "Z", "X"].includes(processState(pid));
}

/** The kinds of descriptors that a process has open, sorted: "/dev/null", "socket:", "anon_inode:[pidfd]" … */
export function fdKinds(pid: number): string[] {
  const kinds = readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\[\d+\]$/, "")];
    } catch {
      return []; // closed meanwhile
    }
  });
  return kinds.sort();
}
