// Reading the values of options. What is wrong with one ends in a UsageError: one line, exit status 64.

import { constants } from "node:os";
import { parseTimeSpan } from "../systemd/formats/time-span.js";

/** Ends the command with one line on stderr and an exit status (sysexits.h). */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitStatus: number,
    /** Lines that say more, printed below. */
    readonly details: readonly string[] = [],
  ) {
    // What was given may hold line feeds.
    super(message.replace(/\s*\n\s*/g, " "));
  }
}

/** Told by its shape: each command is a bundle of its own, with a class of its own. */
export function isCommandError(error: unknown): error is CommandError {
  return error instanceof Error && typeof (error as CommandError).exitStatus === "number";
}

export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, 64);
  }
}

/** Runs a parser that throws RangeErrors on an option's value, and names the option where it does. */
export function parseValue<T>(option: string, value: string, parse: (value: string) => T): T {
  try {
    return parse(value);
  } catch (error) {
    throw new UsageError(`--${option}: ${(error as Error).message}`);
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
    throw new UsageError(`--${option}: "${value}" is no signal that can be handled (SIGHUP, SIGTERM, SIGUSR1 …)`);
  }
  return name as NodeJS.Signals;
}

export function choiceOption<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const choice = choices.find(choice => choice === value);
  if (choice === undefined) throw new UsageError(`--${option}: "${value}" is none of ${choices.join(", ")}`);
  return choice;
}

/** How many: 0 up to what fits into an int of C. */
export function countOption(option: string, value: string): number {
  if (/^\d+$/.test(value) && Number(value) <= 0x7fffffff) return Number(value);
  throw new UsageError(`--${option}: "${value}" is no count (0, 1, 2 …)`);
}

/** Calls Node's parseArgs, whose complaints become ours. */
export function parseArguments<T>(command: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    // Node's text goes on to explain "--".
    const [first = ""] = (error as Error).message.split(/\.\s|\.?\n/);
    const text = first.replace(/ is ambiguous$/, " is missing; one that begins with a dash comes after an equals sign");
    throw new UsageError(`${text.charAt(0).toLowerCase()}${text.slice(1)}; see zerodown ${command} --help`);
  }
}
