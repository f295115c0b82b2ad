// The options of `zerodown run` that say how many processes a generation has, how they start, and when one is replaced.

import type { CommandTable } from "../options/table.js";

export const WORKERS = {
  workers: {
    group: "life",
    value: "N|auto",
    default: "1",
    help: "how many processes a generation has; auto: one for each CPU that the unit may use",
    more: `
      A generation has so many processes, its workers, each in a slot 0 … N−1 ($ZERODOWN_WORKER, $ZERODOWN_WORKERS). It is
      ready when all of them are. One that crashes is started again alone, in its slot, from what its generation was started
      from. *auto* counts the CPUs that the unit may use, *CPUQuota=* and *AllowedCPUs=* included. SIGTTIN asks for one more,
      SIGTTOU for one less, *zerodown scale* for any number; that number outlives reloads.`,
  },
  surge: {
    group: "life",
    value: "K",
    defaultText: "N, all at once",
    help: "how many workers more than N a reload may run",
    more: `
      How many workers more than N may run during a reload. With fewer than N, K of the new generation start, are ready and take
      over, and when those that they replace are gone the next ones start. When one of the new generation fails on the way, its
      slots go back to the old one.`,
  },
  "boot-weight": {
    group: "life",
    value: "N",
    default: "10",
    help: "the share of CPU that a process has which starts while another one serves; that has 100",
    more: `
      What starts while another process serves in its place gets the *cpu.weight*, and the *io.weight*, N of 1 to 10000 until it
      is ready; all others have 100. So a boot takes what is left over rather than what serves needs, and takes longer where
      little is. Not at a first start, nor where what it is to replace has crashed: once nothing serves in its place it has 100 at
      once. With 100 nothing is shared out. This takes a *cpu* controller that systemd delegates (*Delegate=yes*).`,
  },
  "boot-parallel": {
    group: "life",
    value: "N",
    defaultText: "the CPUs that the unit may use",
    help: "how many workers may start at a time while others serve in their slots",
    more: `
      How many workers may start at a time while others serve in their slots. The next one starts when one is ready. In other
      slots they start at once: at a first start, after a crash, and when *zerodown scale* asks for more.`,
  },
  "max-age": {
    group: "life",
    value: "TIME",
    default: "infinity",
    help: "how old a worker gets before another one takes its place",
    more: `
      Another worker, started from the same code, takes the place of one that has served for TIME: it starts first, and when
      it is ready the old one drains. One at a time in the whole unit, and never beside a reload; the first workers of a
      generation are due one after the other, the last of them after TIME.`,
  },
  "max-memory": {
    group: "life",
    value: "SIZE",
    help: "how much memory a worker may use before another one takes its place (512M, 2G)",
    more: `
      The same for one that uses more than SIZE, which is looked at every 10 s: what its cgroup is charged for without
      inactive file pages, else the proportional share (PSS) of its processes. One that uses more within a minute of its start
      is left alone, and the log says so.`,
  },
  "worker-limit": {
    group: "life",
    value: "FILE=VALUE",
    repeatable: true,
    help: "written into each worker's cgroup: memory.max=512M",
    more: `
      VALUE is written into FILE of the cgroup of each worker (*Delegate=* is needed): with *memory.max=512M* a leak kills one
      worker and not the unit.`,
  },
} as const satisfies CommandTable["options"];
