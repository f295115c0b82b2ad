// How much memory the processes of the app use, looked at every now and then: only for an operator who asks for a limit.

import { readFileSync } from "node:fs";
import { actorsOf } from "../machine/state.js";
import type { Cgroup } from "../systemd/as-service/cgroup.js";
import type { Outside } from "./outside.js";
import type { Supervisor } from "./supervisor.js";

/** ms */
const LOOK_EVERY = 10_000;

interface Living {
  readonly pid: number;
  readonly cgroup: Pick<Cgroup, "read"> | undefined;
}

/** Tells the supervisor of each process that serves and uses more than `max` bytes, again and again. */
export function watchMemory(
  max: number,
  supervisor: Pick<Supervisor, "state" | "processOf" | "overLimit">,
  { after }: Pick<Outside, "after">,
): void {
  const look = () => {
    for (const { generation, process } of supervisor.state.generations.flatMap(actorsOf)) {
      if (process.duty !== "serving") continue;
      const about = { generation: generation.number, process: process.number };
      const one = supervisor.processOf(about);
      const memory = one && memoryOf(one);
      if (memory !== undefined && memory > max) supervisor.overLimit(about, memory);
    }
    after(LOOK_EVERY, look);
  };
  after(LOOK_EVERY, look);
}

/** Bytes; undefined where that can't be read. */
function memoryOf({ pid, cgroup }: Living): number | undefined {
  const charged = cgroup?.read("memory.current");
  if (charged === undefined) return sharesOf(pid);
  const [, inactive = 0] = /^inactive_file (\d+)$/m.exec(cgroup?.read("memory.stat") ?? "") ?? [];
  return Number(charged) - Number(inactive);
}

/** The proportional share of a process and of those that it has started. */
function sharesOf(pid: number): number | undefined {
  const [, kilobytes] = /^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`)) ?? [];
  if (kilobytes === undefined) return undefined;
  const children = read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return children.reduce((sum, child) => sum + (sharesOf(child) ?? 0), Number(kilobytes) * 1024);
}

/** "" for a process that is gone, or hidden from us. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
