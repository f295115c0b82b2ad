// Ends of processes and failures are values here; words.ts puts them into words.

import { constants } from "node:os";
import { EX_CONFIG, EX_TEMPFAIL, EX_UNAVAILABLE } from "../linux/exit-codes.js";
import type { Config } from "./config.js";
import type { Duty } from "./names.js";

/** Tells how a child ended. */
export type End = { readonly status: number } | { readonly signal: number; readonly name: string };

/** Why a probe did not pass. Texts are for people. */
export type ProbeFailure =
  /** The command ended so; `lastLine` is the last that it wrote, "" for none. */
  | { readonly kind: "ended"; readonly end: End; readonly lastLine: string }
  /** An http probe got that answer: "500 Internal Server Error". */
  | { readonly kind: "answered"; readonly answer: string }
  /** It could not be started, or got no answer. */
  | { readonly kind: "error"; readonly error: string };

/** The reason why a process was aborted or killed. Times are in µs. */
export type Doom =
  | { readonly kind: "cancelled" }
  /** The process was not ready `limit` after its start. */
  | { readonly kind: "start-timeout"; readonly limit: number }
  | { readonly kind: "probe"; readonly probe: string; readonly failure: ProbeFailure }
  | { readonly kind: "probe-timeout"; readonly probe: string; readonly limit: number }
  /** Processes of it may not be looked into, so that it can't be told whether it accepts. */
  | { readonly kind: "hidden"; readonly pids: readonly number[] }
  | { readonly kind: "stop-timeout" }
  /** Somebody pressed Ctrl-C again while the process drained. */
  | { readonly kind: "interrupted" }
  /**
   * The process was silent for longer than `timeout`, or said WATCHDOG=trigger (null). `killed`: SIGABRT didn't end it.
   */
  | { readonly kind: "watchdog"; readonly timeout: number | null; readonly killed: boolean };

export type Cause =
  | { readonly kind: "exit"; readonly status: number }
  | { readonly kind: "signal"; readonly signal: number; readonly name: string }
  /** The process could not be started. */
  | { readonly kind: "spawn"; readonly error: string; readonly exitStatus: number }
  | (Doom & { readonly end: End });

/** Tells how a process ended, and why. */
export type Outcome = Cause & {
  /** What it was there for when it ended. */
  readonly state: Duty;
  /** The ERRNO= or EXIT_STATUS= that it sent; "" for none. */
  readonly reported: string;
  /** The last STATUS=, which may be the reason, if the process never served and reported nothing else. */
  readonly lastStatus: string;
};

/** A generation, or one of its workers, as sentences name it. */
export interface Named {
  readonly number: number;
  /** Processes that couldn't be started are left out. */
  readonly pids: readonly number[];
  /** The slot of the worker that is meant; null for the whole generation, or where it has no workers. */
  readonly worker: number | null;
  /** How many workers it has; 0 where it is one process. */
  readonly workers: number;
}

/** The last failure, or the reason why the supervisor ends. */
export type Problem =
  | { readonly kind: "start-failed"; readonly generation: Named; readonly outcome: Outcome }
  /** `still` serves; null if nothing does. */
  | {
      readonly kind: "reload-failed";
      readonly generation: Named;
      readonly outcome: Outcome;
      readonly still: Named | null;
    }
  /** Nothing has changed but that this is known. */
  | { readonly kind: "trial-failed"; readonly generation: Named; readonly outcome: Outcome }
  /** A trial was never begun: a reload, or another trial, was under way. */
  | { readonly kind: "busy" }
  | { readonly kind: "crashed"; readonly generation: Named; readonly outcome: Outcome }
  /** Too many crashes, or --on-crash=exit. */
  | { readonly kind: "gave-up"; readonly generation: Named; readonly outcome: Outcome }
  /** A reload was never begun: a rollback was asked for after it, or the other way round. */
  | { readonly kind: "overtaken" }
  /** Another number of workers is refused: each of the accept queues takes one. */
  | { readonly kind: "too-few-workers"; readonly queues: number }
  /** That many workers were asked for, before as many as others had asked for served. */
  | { readonly kind: "rescaled"; readonly workers: number }
  | { readonly kind: "done" }
  | { readonly kind: "stopping" }
  /** The supervisor stopped, and nothing is left. */
  | { readonly kind: "stopped" };

/** Why one ended that was there for `state`: `doom` is why it was aborted or killed, if it was. */
export function causeOf(doom: Doom | null, state: Duty, end: End, config: Config): Cause {
  const isLate = state === "draining" && doom?.kind !== "watchdog" && doom?.kind !== "cancelled";
  // A process that exits as it was asked to, just when it is killed, has drained.
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
 * Whether it exited with 0, or died of a signal that told it to stop: ours, or systemd's own, which
 * KillMode=control-group sends to all. A runtime that catches that signal, as a JVM or a shell does, exits with 128 +
 * its number instead.
 */
export function endedAsAsked(cause: Cause, config: Config): boolean {
  if (cause.kind === "spawn") return false;
  return isAsAsked(endOf(cause), config);
}

export function exitedWithSuccess(cause: Cause): boolean {
  return cause.kind === "exit" && cause.status === 0;
}

/**
 * Returns the supervisor's exit status if it ends for this: 128 + signal, the child's own status, or one of sysexits.h.
 * A 0 that is a failure is EX_UNAVAILABLE.
 */
export function exitStatusOf(cause: Cause): number {
  if (cause.kind === "spawn") return cause.exitStatus;
  if (/^(?:start-timeout|probe-timeout|cancelled)$/.test(cause.kind)) return EX_TEMPFAIL;
  if (cause.kind === "hidden") return EX_CONFIG;
  if (cause.kind === "probe") return EX_UNAVAILABLE;
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
