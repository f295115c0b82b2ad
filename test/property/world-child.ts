// A child in the simulated world around the state machine.

import type { Address } from "../../src/machine/events.js";
import type { End } from "../../src/machine/outcome.js";
import type { Process } from "../../src/machine/state.js";
import type { Fate } from "./vocabulary.js";

export interface Child {
  /** Of its generation, and its own in that. */
  readonly number: number;
  readonly process: number;
  readonly fate: Fate;
  state: "to be spawned" | "running" | "dying" | "gone";
  /** The machine wants to know whether it accepts. */
  isLookedAt: boolean;
  /** The probe of it that is under way. */
  probe: number | undefined;
  /** --before-drain runs for it. */
  isLeaving: boolean;
  /** That of its cgroup. */
  weight: number;
  /** How it ends, soon, because it was told to. */
  ending: End | undefined;
}

export function isWell({ doom, state }: Process): boolean {
  return doom === null && state === "running";
}

export function keyOf({ generation, process }: Address): string {
  return `${generation}/${process}`;
}

export function isRunning({ state }: Child): boolean {
  return state === "running";
}
