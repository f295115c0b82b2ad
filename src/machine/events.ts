// What the machine is told: one event for each thing that happens.

import type { Timer } from "./names.js";
import type { End } from "./outcome.js";

/** The signals that stop the supervisor, unless it is told otherwise. */
export const STOP_SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT", "SIGQUIT"];

/** What one datagram of a process says. Times are in microseconds. */
export interface Notification {
  readonly ready?: boolean;
  readonly stopping?: boolean;
  readonly status?: string;
  readonly extend?: number;
  readonly reported?: string;
  readonly watchdog?: "ping" | "trigger";
  /** 0 and `Infinity` mean no limit. */
  readonly watchdogTimeout?: number;
}

export interface ReloadRequest {
  /** Who wants the result; null for a signal. */
  readonly asker: number | null;
  /** When it was wanted, where that is known: before the request got here. */
  readonly since: number | null;
  /** Whether a candidate that is still starting is aborted for it. */
  readonly replace: boolean;
}

interface About {
  readonly generation: number;
  readonly slot: number;
}

interface Posthumous {
  /** The main process had already ended when this was read. */
  readonly posthumous?: boolean;
}

/** What happens to one process. */
export type ProcessEvent = About &
  (
    | { readonly type: "spawned"; readonly pid: number }
    | { readonly type: "spawn-failed"; readonly error: string; readonly exitStatus: number }
    /** It became ready by another way than READY=1. */
    | ({ readonly type: "ready" } & Posthumous)
    | ({ readonly type: "notified" } & Notification & Posthumous)
    /** Its main process has ended; "exited" follows when all others have. */
    | { readonly type: "dying" }
    | { readonly type: "exited"; readonly end: End }
  );

export type Event = { readonly now: number } & (
  | ProcessEvent
  | { readonly type: "start" }
  | ({ readonly type: "reload" } & ReloadRequest)
  /** Aborts the candidate, if it is starting. */
  | { readonly type: "cancel" }
  | { readonly type: "stop"; readonly signal: string }
  | { readonly type: "pass"; readonly signal: string }
  | ({ readonly type: "timer" } & Timer)
);

/** An event that has yet to get its time. */
export type Happening = Event extends infer E ? (E extends Event ? Omit<E, "now"> : never) : never;
