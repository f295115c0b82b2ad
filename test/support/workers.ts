// What tests of several workers share.

import { Machine, SECOND } from "./machine.js";

export const SIGKILL = { signal: 9, name: "SIGKILL" };
export const SIGSEGV = { signal: 11, name: "SIGSEGV" };

/** The lines that say what is started. */
export const starts = (lines: string[]) => lines.filter(line => line.startsWith("spawn"));
export const told = (machine: Machine) => machine.state.told;

/** Two workers a generation, one more at a time; generation 2 serves in slot 0, where generation 1 has drained. */
export function halfway(config: object = {}): Machine {
  const machine = Machine.ofWorkers(2, { surge: 1, ...config });
  machine.reload(1);
  machine.arrive(2, 0);
  machine.now += SECOND;
  machine.exits(1, 0);
  machine.spawned(2, 1);
  return machine;
}
