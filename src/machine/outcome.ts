// How processes end, and what failed: values, which words.ts puts into words.

import { constants } from "node:os";
import type { Config } from "./config.js";
import type { GenerationState } from "./names.js";

/** How a child ended. */
export type End = { readonly status: number } | { readonly signal: number; readonly name: string };

/** Why a process was aborted or killed. Times are in µs. */
export type Doom =
  | { readonly kind: "cancelled" }
  /** It was not ready `limit` after its start. */
  | { readonly kind: "start-timeout"; readonly limit: number }
  | { readonly kind: "stop-timeout" }
  /** Somebody pressed Ctrl-C again while it drained. */
  | { readonly kind: "interrupted" }
  /** It was silent for longer than `timeout`, or said WATCHDOG=trigger (null). `killed`: SIGABRT didn't end it. */
  | { readonly kind: "watchdog"; readonly timeout: number | null; readonly killed: boolean };

export type Cause =
  | { readonly kind: "exit"; readonly status: number }
  | { readonly kind: "signal"; readonly signal: number; readonly name: string }
  /** It could not be started. */
  | { readonly kind: "spawn"; readonly error: string; readonly exitStatus: number }
  | (Doom & { readonly end: End });

/** How a process ended, and why. */
export type Outcome = Cause & {
  /** What its generation did when it ended. */
  readonly state: GenerationState;
  /** The ERRNO= or EXIT_STATUS= that it sent; "" for none. */
  readonly reported: string;
  /** Its last STATUS=, if it never served and reported nothing else: that may be the reason. */
  readonly lastStatus: string;
};

/** A generation as sentences name it. */
export interface Named {
  readonly number: number;
  /** Those of its processes that have one. */
  readonly pids: readonly number[];
}

/** What went wrong last, or why the supervisor ends. */
export type Problem =
  | { readonly kind: "start-failed"; readonly generation: Named; readonly outcome: Outcome }
  /** `still` serves; null if nothing does. */
  | {
      readonly kind: "reload-failed";
      readonly generation: Named;
      readonly outcome: Outcome;
      readonly still: Named | null;
    }
  | { readonly kind: "crashed"; readonly generation: Named; readonly outcome: Outcome }
  /** Too many crashes, or --on-crash=exit. */
  | { readonly kind: "gave-up"; readonly generation: Named; readonly outcome: Outcome }
  | { readonly kind: "done" }
  | { readonly kind: "stopping" }
  /** It stopped, and nothing is left. */
  | { readonly kind: "stopped" };

// sysexits.h
const EX_UNAVAILABLE = 69;
const EX_TEMPFAIL = 75;

/** Why one ended that its generation was in `state` of: `doom` is why it was aborted or killed, if it was. */
export function causeOf(doom: Doom | null, state: GenerationState, end: End, config: Config): Cause {
  const isLate = state === "draining" && doom?.kind !== "watchdog" && doom?.kind !== "cancelled";
  // One that exits as it was asked to, just when it is killed, has drained.
  if (doom && !(isLate && isAsAsked(end, config))) return { ...doom, end };
  return "signal" in end ? { kind: "signal", ...end } : { kind: "exit", ...end };
}

/**
 * Why a process is to end for which there is another reason now. One that was aborted and is killed then did not end at
 * SIGABRT, whatever it is killed for. Else the first reason counts, unless an operator says so.
 */
export function worsen(doom: Doom | null, why: Doom): Doom {
  if (!doom || why.kind === "cancelled") return why;
  return doom.kind === "watchdog" ? { ...doom, killed: true } : doom;
}

/**
 * Whether it exited with 0, or died of a signal that told it to stop: ours, or systemd's own, which KillMode=control-group
 * sends to all. A runtime that catches that signal, as a JVM or a shell does, exits with 128 + its number instead.
 */
export function endedAsAsked(cause: Cause, config: Config): boolean {
  if (cause.kind === "spawn") return false;
  return isAsAsked(endOf(cause), config);
}

export function exitedWithSuccess(cause: Cause): boolean {
  return cause.kind === "exit" && cause.status === 0;
}

/**
 * What the supervisor exits with, if it comes to that: 128 + signal, the child's own status, or one of sysexits.h. A status of 0
 * that is a failure is EX_UNAVAILABLE.
 */
export function exitStatusOf(cause: Cause): number {
  if (cause.kind === "spawn") return cause.exitStatus;
  if (cause.kind === "start-timeout" || cause.kind === "cancelled") return EX_TEMPFAIL;
  const end = endOf(cause);
  if ("signal" in end) return 128 + end.signal;
  return end.status || EX_UNAVAILABLE;
}

function endOf(cause: Exclude<Cause, { kind: "spawn" }>): End {
  return "end" in cause ? cause.end : cause;
}

function isAsAsked(end: End, config: Config): boolean {
  const signals = [config.stopSignal, "SIGTERM"];
  if ("signal" in end) return signals.includes(end.name);
  return end.status === 0 || signals.some(name => end.status === 128 + numberOf(name));
}

function numberOf(signal: string): number {
  return (constants.signals as Record<string, number>)[signal]!;
}
