// Reads from its cgroup and /proc how much the processes of a generation use.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { Cgroup } from "../../systemd/as-service/cgroup.js";

export interface Use {
  readonly processes: readonly number[];
  /** Threads, those of single-threaded processes included. */
  readonly tasks: number;
  /** Bytes: what the cgroup is charged for, else resident, and then what processes share is counted for each. */
  readonly memory: number;
  /** CPU time in µs: all in the cgroup since it was made, else of the processes and the children they have collected. */
  readonly cpu: number;
  /** Open sockets that the supervisor hasn't open too; null where we may not look. */
  readonly openSockets: number | null;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly isZombie: boolean;
  readonly cpu: number;
  readonly threads: number;
}

/** How the processes of a generation are told: by its cgroup where it has one, else by its main process's group. */
export interface Whose {
  readonly pid: number;
  readonly cgroup: string | undefined;
}

/** USER_HZ: what /proc counts CPU time in is 1/100 s wherever Node runs. */
const MICROSECONDS_PER_TICK = 1e4;

/**
 * Looks at all processes, once.
 *
 * @param supervisor its pid
 * @param generations their main processes, which lead their process groups
 * @returns by the main process's pid; nothing for one that isn't, in our /proc, a child of that supervisor
 */
export function readUse(supervisor: number, generations: readonly Whose[]): Map<number, Use> {
  const all = readProcesses();
  const shared = readSockets(supervisor);
  const present = generations.filter(({ pid: main }) =>
    all.some(({ pid, parent }) => pid === main && parent === supervisor),
  );
  return new Map(
    present.map(({ pid, cgroup: path }) => {
      const cgroup = path === undefined ? undefined : Cgroup.at(path);
      const members = membersOf(cgroup);
      const isMember = members ? (one: Process) => members.has(one.pid) : (one: Process) => one.group === pid;
      return [pid, useOf(all.filter(isMember), members && cgroup, shared)];
    }),
  );
}

/** undefined where the cgroup can't be seen from here. */
function membersOf(cgroup: Cgroup | undefined): ReadonlySet<number> | undefined {
  return cgroup?.read("cgroup.procs") === undefined ? undefined : new Set(cgroup.pids);
}

function useOf(processes: readonly Process[], cgroup: Cgroup | undefined, shared: ReadonlySet<string> | null): Use {
  const alive = processes.filter(({ isZombie }) => !isZombie).map(({ pid }) => pid);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const [, cpu] = /^usage_usec (\d+)$/m.exec(cgroup?.read("cpu.stat") ?? "") ?? [];
  return {
    processes: alive,
    tasks: Number(cgroup?.read("pids.current") ?? sum(processes.map(({ threads }) => threads))),
    memory: Number(cgroup?.read("memory.current") ?? sum(alive.map(residentBytes))),
    cpu: Number(cpu ?? sum(processes.map(({ cpu }) => cpu))),
    openSockets: shared && countSockets(alive, shared),
  };
}

/** A socket that several processes of the group have open is one socket. */
function countSockets(pids: readonly number[], shared: ReadonlySet<string>): number | null {
  const sockets = pids.map(readSockets);
  if (sockets.includes(null)) return null;
  const own = sockets.flatMap(found => [...found!]).filter(socket => !shared.has(socket));
  return new Set(own).size;
}

function readProcesses(): Process[] {
  return listProc().flatMap(entry => (/^\d+$/.test(entry) ? readProcess(entry) : []));
}

/** Nothing where /proc is hidden from us. */
function listProc(): string[] {
  try {
    return readdirSync("/proc");
  } catch (error) {
    if (isGone(error) || isForbidden(error)) return [];
    throw error;
  }
}

/** proc_pid_stat(5) */
function readProcess(pid: string): Process[] {
  const stat = readProc(`${pid}/stat`);
  // The program's name, in parentheses, may hold any character.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group] = fields;
  if (group === undefined) return [];
  const ticks = fields.slice(11, 15).reduce((sum, time) => sum + Number(time), 0);
  return [
    {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      isZombie: state === "Z" || state === "X",
      cpu: ticks * MICROSECONDS_PER_TICK,
      threads: Number(fields[17]),
    },
  ];
}

/** From a file that, unlike stat, doesn't count in pages, whose size Node can't tell. */
function residentBytes(pid: number): number {
  const [, kilobytes = 0] = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(`${pid}/status`)) ?? [];
  return Number(kilobytes) * 1024;
}

/** The sockets that a process has open; none of one that is gone, null where we may not look. */
export function readSockets(pid: number): Set<string> | null {
  try {
    const links = readdirSync(`/proc/${pid}/fd`).map(fd => readLink(`/proc/${pid}/fd/${fd}`));
    return new Set(links.filter(link => link.startsWith("socket:")));
  } catch (error) {
    if (isGone(error)) return new Set();
    if (isForbidden(error)) return null;
    throw error;
  }
}

/** "" for a descriptor that was closed meanwhile. */
function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isGone(error)) return "";
    throw error;
  }
}

/** "" for a process that is gone, or hidden from us. */
function readProc(file: string): string {
  try {
    return readFileSync(`/proc/${file}`, "utf8");
  } catch (error) {
    if (isGone(error) || isForbidden(error)) return "";
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return /^(?:ENOENT|ESRCH)$/.test((error as NodeJS.ErrnoException).code ?? "");
}

function isForbidden(error: unknown): boolean {
  return /^(?:EACCES|EPERM)$/.test((error as NodeJS.ErrnoException).code ?? "");
}
