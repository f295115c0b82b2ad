// Whether there is room for another number of workers, asked before anything of it starts.

import { fileLimits, type Limit, taskLimits, threadsOf } from "../linux/limits.js";
import type { Config } from "../machine/config.js";
import { pidsOf, type State } from "../machine/state.js";
import type { Outside } from "./outside.js";

type Limiting = Pick<Config, "ready" | "surge" | "probes" | "beforeDrain">;

/** What is wanted. */
export interface Crew extends Limiting {
  readonly workers: number;
  /** The main processes that there are. */
  readonly pids: readonly number[];
}

/** Descriptors that a start needs for a moment, and those of clients of the control socket. */
const SPARE_FDS = 30;

/** Of each process that is about to drain: the pidfd of the command of --before-drain, and its output. */
const LEAVING_FDS = 2;

/** @returns which limit is in the way, its value and what it takes; undefined for none */
export function whatLacks({ workers, surge, ready, probes, beforeDrain, pids }: Crew): string | undefined {
  const beside = Math.min(workers, surge);
  const more = workers + beside - pids.length;
  // A stop right after a reload finds all of them on their way.
  const leaving = beforeDrain > 0 ? (workers + beside) * LEAVING_FDS : 0;
  // As many as those have that there are: what else the app will start, nobody knows.
  const [tasksEach = 1] = pids
    .map(threadsOf)
    .filter(Boolean)
    .sort((one, other) => one - other);
  const lacking = (limits: readonly Limit[], needed: number, what: string) =>
    limits
      .filter(({ max, used }) => used + needed > max)
      .map(({ name, max, used }) => `${used + needed} ${what}: ${name} is ${max}`);
  const [lack] = [
    ...lacking(fileLimits(), more * fdsOfEach(ready, probes) + leaving + SPARE_FDS, "descriptors of the supervisor"),
    ...lacking(taskLimits(), more * tasksEach, "processes and threads"),
  ];
  return lack && `${workers} workers, and ${beside} more while a reload runs, take ${lack}`;
}

/** The same for more workers than are wanted now. */
export function whyNoMore(
  workers: number,
  state: State,
  { config, outside }: { config: Limiting; outside: Pick<Outside, "whatLacks"> },
): string | undefined {
  if (workers <= state.workers) return undefined;
  const { ready, surge, probes, beforeDrain } = config;
  return outside.whatLacks({ workers, surge, ready, probes, beforeDrain, pids: state.generations.flatMap(pidsOf) });
}

/** A pidfd, the notify socket, the channel of handover.ts, with --ready fd the pipe, and what a probe takes: its socket, a pidfd and a pipe. */
function fdsOfEach(ready: Config["ready"], probes: Config["probes"]): number {
  return (ready === "fd" ? 4 : 3) + (probes.length > 0 ? 3 : 0);
}
