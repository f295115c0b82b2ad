// For how long a command waits for the outcome of what it asked for.

import { EX_TEMPFAIL } from "../linux/exit-codes.js";
import { formatTimeSpan } from "../systemd/formats/time-span.js";
import { CommandError } from "./errors.js";

/** Node's timers take no more. ms */
const LONGEST = 2 ** 31 - 1;

/** @param time in µs, of which Node takes whole ms; with `Infinity` the signal never comes */
export function abortAfter(time: number): AbortSignal {
  if (!Number.isFinite(time)) return new AbortController().signal;
  return AbortSignal.timeout(Math.min(Math.ceil(time / 1e3), LONGEST));
}

/** @param what was asked for: "a reload" */
export function noOutcome(time: number, what: string): CommandError {
  return new CommandError(`no outcome within ${formatTimeSpan(time)}; ${what} that has begun goes on`, EX_TEMPFAIL);
}
