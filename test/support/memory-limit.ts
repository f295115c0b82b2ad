// Limits the memory of a process that runs, with the kernel's OOM killer behind it, by whichever version of cgroups has the
// memory controller here.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { eventually } from "./eventually.js";
import { temporaryDirectory } from "./supervisor.js";

export interface MemoryLimit {
  /** How many of the limited processes the OOM killer took. */
  kills(): number;
}

const closers: (() => Promise<void>)[] = [];

/** @returns undefined where there is no memory controller */
export function limitMemory(pid: number, bytes: number): MemoryLimit | undefined {
  const [, path] = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))!;
  const cgroup = `/sys/fs/cgroup${path}`;
  return existsSync(`${cgroup}/memory.max`) ? limitCgroup(cgroup, bytes) : limitByItself(pid, bytes);
}

/** For afterEach, when the processes are gone. */
export async function removeMemoryLimits(): Promise<void> {
  for (const close of closers.splice(0)) await close();
}

function limitCgroup(cgroup: string, bytes: number): MemoryLimit {
  writeFileSync(`${cgroup}/memory.swap.max`, "0");
  writeFileSync(`${cgroup}/memory.max`, String(bytes));
  // The cgroup above counts the kills below it, and stays when those cgroups go.
  return { kills: () => readKills(`${dirname(cgroup)}/memory.events`) };
}

/** Limits by cgroup v1, with a hierarchy of its own, which systemd doesn't use. */
function limitByItself(pid: number, bytes: number): MemoryLimit | undefined {
  const { path: mount, remove } = temporaryDirectory();
  if (spawnSync("mount", ["-t", "cgroup", "-o", "memory", "cgroup", mount]).status !== 0) {
    remove();
    return undefined;
  }
  const cgroup = `${mount}/zerodown-test-${pid}`;
  mkdirSync(cgroup);
  writeFileSync(`${cgroup}/memory.swappiness`, "0");
  writeFileSync(`${cgroup}/memory.limit_in_bytes`, String(bytes));
  writeFileSync(`${cgroup}/cgroup.procs`, String(pid));
  closers.push(async () => {
    await eventually(() => rmdirSync(cgroup));
    execFileSync("umount", [mount]);
    remove();
  });
  return { kills: () => readKills(`${cgroup}/memory.oom_control`) };
}

function readKills(file: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(readFileSync(file, "utf8"))![1]);
}
