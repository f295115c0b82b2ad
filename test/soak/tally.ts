// What a service of several workers went through.

import type { Counts } from "./load.js";

export interface CrewTally extends Counts {
  readonly name: string;
  /** How many of all its workers succeeded. */
  readonly reloads: number;
  /** How many failed because one worker did. */
  readonly failedAsPlanned: number;
  /** How often another number of workers was asked for. */
  readonly scalings: number;
  /** How many workers were killed. */
  readonly crashes: number;
  /** How many were replaced because they were too old. */
  readonly byAge: number;
  /** How many because they had grown too large. */
  readonly byMemory: number;
  readonly surprises: readonly string[];
}
