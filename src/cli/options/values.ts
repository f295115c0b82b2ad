// Reading the values of options. A wrong one ends in a UsageError that names the option and the value.

import { constants } from "node:os";
import { parseTimeSpan } from "../../systemd/formats/time-span.js";
import { UsageError } from "../errors.js";

/** Runs a parser that throws RangeErrors on an option's value, and names the option where it does. */
export function parseValue<T>(option: string, value: string, parse: (value: string) => T): T {
  try {
    return parse(value);
  } catch (error) {
    throw new UsageError(`--${option}: ${(error as Error).message}`, error);
  }
}

/** A time span of systemd.time(7), in microseconds. */
export function timeOption(option: string, value: string): number {
  return parseValue(option, value, parseTimeSpan);
}

/** A signal by name: SIGHUP or HUP. */
export function signalOption(option: string, value: string): NodeJS.Signals {
  const name = value.toUpperCase().replace(/^(?:SIG)?/, "SIG");
  if (!(name in constants.signals) || name === "SIGKILL" || name === "SIGSTOP") {
    throw new UsageError(`--${option}: "${value}" isn't a signal that can be handled (SIGHUP, SIGTERM, SIGUSR1 …)`);
  }
  return name as NodeJS.Signals;
}

/** @param choices by what may be said */
export function choiceOption<T extends string>(
  option: string,
  value: string,
  choices: Readonly<Record<T, unknown>>,
): T {
  if (Object.hasOwn(choices, value)) return value as T;
  throw new UsageError(`--${option}: "${value}" is none of ${Object.keys(choices).join(", ")}`);
}

/** How many: 0 up to what fits into an int of C. */
export function countOption(option: string, value: string): number {
  if (/^\d+$/.test(value) && Number(value) <= 0x7fffffff) return Number(value);
  throw new UsageError(`--${option}: "${value}" isn't a count (0, 1, 2 …)`);
}

/** How many, and at least one. */
export function positiveOption(option: string, value: string): number {
  const count = /^\d+$/.test(value) ? Number(value) : 0;
  if (count >= 1 && count <= 0x7fffffff) return count;
  throw new UsageError(`--${option}: "${value}" isn't a count (1, 2, 3 …)`);
}
