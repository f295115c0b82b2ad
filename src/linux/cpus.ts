// How many CPUs this process may use.

import { availableParallelism } from "node:os";
import { ownCgroups, readCgroup } from "./own-cgroups.js";

/** Those that it may run on, and no more than the CPU quotas of its cgroup and of those above it give it time for; at least 1. */
export function usableCpus(): number {
  return Math.max(1, Math.ceil(Math.min(availableParallelism(), ...quotas())));
}

/** In CPUs: cpu.max in the kernel's cgroup-v2 documentation. */
function quotas(): number[] {
  return ownCgroups().flatMap(cgroup => {
    const [quota, period] = readCgroup(cgroup, "cpu.max").split(" ").map(Number);
    return quota && period ? [quota / period] : [];
  });
}
