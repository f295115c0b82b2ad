// What the supervisor of a unit says of its workers.

import { execFileSync } from "node:child_process";
import { ZERODOWN } from "./supervisor.js";
import type { TestUnit } from "./unit.js";

/** A command that waits in vain is to fail its test, which it keeps from going on, ms. */
const PATIENCE = 60_000;

export interface Worker {
  readonly slot: number;
  readonly state: string;
  readonly pid: number;
  /** µs of CLOCK_MONOTONIC */
  readonly startedAt: number;
  readonly restarts: number;
  readonly cgroup: string;
}

/** What the supervisor says of the workers of a generation: of that number, else of the one that serves. */
export async function workersOf(unit: TestUnit, generation?: number): Promise<Worker[]> {
  const { generations } = JSON.parse(zerodown("status", "--json", unit.service).stdout);
  const isIt = ({ number, state }: { number: number; state: string }) =>
    generation === undefined ? state === "serving" : number === generation;
  return generations.find(isIt).workers;
}

/** Runs a command of zerodown for a unit of the user, whatever comes of it. */
export function zerodown(command: string, ...args: string[]): { status: number; stdout: string; stderr: string } {
  try {
    return {
      status: 0,
      stdout: execFileSync(ZERODOWN, [command, "--user", ...args], { encoding: "utf8", timeout: PATIENCE }),
      stderr: "",
    };
  } catch (error) {
    return error as { status: number; stdout: string; stderr: string };
  }
}
