// How a child ended, with the name of the signal.

import { constants } from "node:os";
import type { End } from "../machine/outcome.js";
import type { ExitStatus } from "../native/index.js";

/** The first of several names of one signal is the usual one: SIGABRT, and not SIGIOT. */
const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals)
    .map(([name, number]) => [number, name] as const)
    .reverse(),
);

export function endOf({ status, signal }: ExitStatus): End {
  return signal === 0 ? { status } : { signal, name: SIGNAL_NAMES.get(signal) ?? `signal ${signal}` };
}
