// Whether there is room for another number of workers, asked before anything of it starts.

import { fileLimits, type Limit, taskLimits, threadsOf } from "../linux/limits.js";
import type { Config } from "../machine/config.js";
import { pidsOf, type State } from "../machine/state.js";
import type { Outside } from "./outside.js";

/** What is wanted. */
export interface Crew extends Pick<Config, "ready" | "surge" | "probes"> {
  readonly workers: number;
  /** The main processes that there are. */
  readonly pids: readonly number[];
}

/** Descriptors that a start needs for a moment, and those of clients of the control socket. */
const SPARE_FDS = 30;

/** @returns which limit is in the way, its value and what it takes; undefined for none */
export function whatLacks({ workers, surge, ready, probes, pids }: Crew): string | undefined {
  const beside = Math.min(workers, surge);
  const more = workers + beside - pids.length;
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
    ...lacking(fileLimits(), more * fdsOfEach(ready, probes) + SPARE_FDS, "descriptors of the supervisor"),
    ...lacking(taskLimits(), more * tasksEach, "processes and threads"),
  ];
  return lack && `${workers} workers, and ${beside} more while a reload runs, take ${lack}`;
}

/** The same for more workers than are wanted now. */
export function whyNoMore(
  workers: number,
  state: State,
  { config, outside }: { config: Pick<Config, "ready" | "surge" | "probes">; outside: Pick<Outside, "whatLacks"> },
): string | undefined {
  if (workers <= state.workers) return undefined;
  const { ready, surge, probes } = config;
  return outside.whatLacks({ workers, surge, ready, probes, pids: state.generations.flatMap(pidsOf) });
}

/** A pidfd, the notify socket, the channel of handover.ts, with --ready fd the pipe, and what a probe takes: its socket, a pidfd and a pipe. */
function fdsOfEach(ready: Config["ready"], probes: Config["probes"]): number {
  return (ready === "fd" ? 4 : 3) + (probes.length > 0 ? 3 : 0);
}
