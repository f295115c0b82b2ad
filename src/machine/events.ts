// The machine is told everything that happens by an event.

import type { Timer } from "./names.js";
import type { End, ProbeFailure } from "./outcome.js";

/** The signals that stop the supervisor, unless it is told otherwise. */
export const STOP_SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT", "SIGQUIT"];

/** The content of one datagram of a process. Times are in microseconds. */
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
  /** The asker that wants the result; null for a signal. */
  readonly asker: number | null;
  /** When it was wanted, where that is known: before the request got here. */
  readonly since: number | null;
  /** Whether a candidate that is still starting is aborted for it. */
  readonly replace: boolean;
  /** Whether the code that serves now is started again, instead of what is on disk. */
  readonly same: boolean;
  /** The release that a rollback is to start, see rollbackRelease(); null for no rollback. */
  readonly release: number | null;
}

/** What is seen of a process that doesn't wait for clients on each of the sockets. Texts are for people. */
export interface Unseen {
  /** The sockets that nobody waits on. */
  readonly sockets: readonly string[];
  /** Processes of it that may not be looked into. */
  readonly hidden: readonly number[];
  /** Why somebody may wait of whom nothing is seen. */
  readonly obstacles: readonly string[];
}

/** Which process: see Process.number. */
export interface Address {
  readonly generation: number;
  readonly process: number;
}

interface Posthumous {
  /** The main process had already ended when this was read. */
  readonly posthumous?: boolean;
}

/** What happens to one process. */
export type ProcessEvent = Address &
  (
    | { readonly type: "spawned"; readonly pid: number }
    | { readonly type: "spawn-failed"; readonly error: string; readonly exitStatus: number }
    /** The process became ready by another way than READY=1. */
    | ({ readonly type: "ready" } & Posthumous)
    | ({ readonly type: "notified" } & Notification & Posthumous)
    /** On each of the sockets some process waits for clients. */
    | ({ readonly type: "accepting" } & Posthumous)
    | ({ readonly type: "unseen" } & Unseen)
    /** That probe has passed, or not. */
    | ({ readonly type: "probed"; readonly probe: number; readonly failure: ProbeFailure | null } & Posthumous)
    /** --before-drain has run for it. */
    | { readonly type: "left" }
    /** It uses that many bytes, more than it may. */
    | { readonly type: "over-limit"; readonly memory: number }
    /** Its main process has ended; "exited" follows when all others have. */
    | { readonly type: "dying" }
    | { readonly type: "exited"; readonly end: End }
  );

export type Event = { readonly now: number } & (
  | ProcessEvent
  /** `remembers`: a release is known that served before this supervisor, see REMEMBERED. */
  | { readonly type: "start"; readonly remembers: boolean }
  | ({ readonly type: "reload" } & ReloadRequest)
  /** What is on disk is to be tried; who asked wants to know whether it would serve. */
  | { readonly type: "try"; readonly asker: number }
  /** So many workers are wanted from now on; who asked wants to know when they serve. */
  | { readonly type: "scale"; readonly asker: number | null; readonly workers: number }
  /** What a generation is started from was found, and it is the release of an older one. */
  | { readonly type: "recognized"; readonly generation: number; readonly release: number }
  /** Aborts the candidate, if it is starting. */
  | { readonly type: "cancel" }
  | { readonly type: "stop"; readonly signal: string }
  | { readonly type: "pass"; readonly signal: string }
  | ({ readonly type: "timer" } & Timer)
);

/** An event that has yet to get its time. */
export type Happening = Event extends infer E ? (E extends Event ? Omit<E, "now"> : never) : never;
