// Finds out from /proc which processes hold a socket, and where they come from.

import { readdirSync, readFileSync } from "node:fs";
import { readLink } from "../linux/proc.js";
import { processName } from "../linux/process-name.js";

/** Links that are read in one go. */
const LINKS = 256;

export interface Holder {
  readonly pid: number;
  /** When it started: with the pid it stands for this process and no later one. */
  readonly startedAt: number;
  /** The inodes that the process holds, of those that were asked for. */
  readonly inodes: readonly string[];
}

/**
 * Looks through all processes that may be looked at. It yields undefined wherever the caller may do something else for
 * a while.
 *
 * @param inodes of sockets, as /proc/PID/fd has them
 * @param isLeftOut processes that needn't be looked at
 */
export function* findHolders(
  inodes: Pick<ReadonlySet<string>, "has">,
  isLeftOut: (pid: number) => boolean,
): Generator<Holder | undefined> {
  for (const name of list("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || isLeftOut(pid)) continue;
    const held = new Set<string>();
    for (const [index, fd] of list(`/proc/${pid}/fd`).entries()) {
      const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`) ?? "")?.[1];
      if (inode !== undefined && inodes.has(inode)) held.add(inode);
      if (index % LINKS === LINKS - 1) yield undefined;
    }
    const startedAt = stat(pid)?.startedAt;
    yield held.size > 0 && startedAt !== undefined ? { pid, startedAt, inodes: [...held] } : undefined;
  }
}

/** A process, its parent, and so on; the first process of all is left out. */
export function lineage(pid: number): number[] {
  const pids: number[] = [];
  for (let next = pid; next > 1 && !pids.includes(next); next = stat(next)?.parent ?? 0) pids.push(next);
  return pids;
}

/** Returns the generation that a process belongs to by the environment that it was executed with. */
export function generationOf(pid: number, supervisor: number): number | undefined {
  const variables = read(`/proc/${pid}/environ`).split("\0");
  const value = (name: string) => variables.find(line => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const generation = Number(value("ZERODOWN_GENERATION"));
  return value("ZERODOWN_SUPERVISOR_PID") === String(supervisor) && generation > 0 ? generation : undefined;
}

/** Returns the process's parent, and its start in clock ticks after the boot. */
export function stat(pid: number): { parent: number; startedAt: number } | undefined {
  const text = read(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return text === "" ? undefined : { parent: Number(fields[1]), startedAt: Number(fields[19]) };
}

/** Returns the path in the hierarchy of v2. */
export function cgroupOf(pid: number): string {
  return /^0::(.*)$/m.exec(read(`/proc/${pid}/cgroup`))?.[1] ?? "";
}

export function nameOf(pid: number): string {
  try {
    return processName(pid);
  } catch {
    return "";
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
