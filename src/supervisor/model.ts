// The vocabulary of the state machine: its state, its events, its effects.

export type ReadyMode = "notify" | "exec" | "delay" | "fd";

/** Those that stop the supervisor, where it isn't told otherwise. */
export const STOP_SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT", "SIGQUIT"];

/** What of the command line the machine needs. Times are microseconds, `Infinity` for none. */
export interface Config {
  /** Our own pid, for MAINPID=. */
  readonly pid: number;
  readonly ready: ReadyMode;
  /** For the mode "delay". */
  readonly readyDelay: number;
  readonly startTimeout: number;
  readonly stopTimeout: number;
  readonly settle: number;
  readonly stopSignal: string;
  readonly onCrash: "restart" | "exit";
  /** How often systemd wants to hear WATCHDOG=1 of us, and we of each generation that has said it once; 0 for never. */
  readonly watchdog: number;
}

/**
 * starting → settling → serving → draining → gone. The candidate is the one that is starting or settling; the current
 * one is serving.
 */
export type GenerationState = "starting" | "settling" | "serving" | "draining";

export interface Generation {
  readonly number: number;
  /** null until it is spawned. */
  readonly pid: number | null;
  readonly state: GenerationState;
  readonly startedAt: number;
  /** When its start, or its drain, has taken too long. */
  readonly deadline: number;
  readonly wasReady: boolean;
  /** Its last STATUS=. */
  readonly status: string;
  /** It said STOPPING=1. */
  readonly stopping: boolean;
  /** The longest between two WATCHDOG=1 of it; 0 for no limit. */
  readonly watchdog: number;
  /** It has said WATCHDOG=1, or WATCHDOG_USEC=, and must go on. */
  readonly watched: boolean;
  /** It was sent SIGABRT; why: "missed its watchdog of 5s". */
  readonly aborted: string;
  /** It was sent SIGKILL. */
  readonly killed: boolean;
  /** Its main process has ended; it is gone when all others have. */
  readonly dying: boolean;
  /** An operator aborted it. */
  readonly cancelled: boolean;
  /** What started it: for a reload, who asked. */
  readonly cause: "start" | "crash" | "signal" | "command";
  /** The ERRNO= or EXIT_STATUS= it sent, in words. */
  readonly reported: string;
}

/** A generation that is no more. */
export interface Ended extends Generation {
  readonly endedAt: number;
  /** How, and why: "exited with status 1 before it was ready". */
  readonly end: string;
  /** Why its reload failed, if that is how it ended. */
  readonly failure: string | null;
}

export interface State {
  /** "ending": nothing is started any more, every generation drains. */
  readonly phase: "running" | "ending" | "ended";
  /** Generation 1 has been ready, and systemd knows. */
  readonly announced: boolean;
  readonly generations: readonly Generation[];
  /** The last few that ended, the newest last. */
  readonly ended: readonly Ended[];
  readonly lastNumber: number;
  /** The reload that runs, which systemd was told of by RELOADING=1. */
  readonly reload: { readonly askers: readonly number[] } | null;
  /** Those who asked for a reload since that one began. */
  readonly pending: readonly number[] | null;
  /** Nothing serves: the next generation starts when the backoff is over. */
  readonly restarting: boolean;
  /** When generations crashed of late. */
  readonly crashes: readonly number[];
  /** What went wrong last, or why it ends: part of STATUS=. */
  readonly problem: string;
  readonly exitStatus: number;
  /** The generation whose end may still change that, 0 for none. */
  readonly decisive: number;
  /** The STATUS= that systemd was told last. */
  readonly told: string;
}

export const initialState: State = {
  phase: "running",
  announced: false,
  generations: [],
  ended: [],
  lastNumber: 0,
  reload: null,
  pending: null,
  restarting: false,
  crashes: [],
  problem: "",
  decisive: 0,
  exitStatus: 0,
  told: "",
};

/** The current generation. */
export function serving(state: State): Generation | undefined {
  return state.generations.find(generation => generation.state === "serving");
}

/** The one that is to take over. */
export function candidate(state: State): Generation | undefined {
  return state.generations.find(({ state }) => state === "starting" || state === "settling");
}

/** Nothing is under way: one generation serves, and what comes next comes from outside. */
export function isIdle({ generations }: State): boolean {
  return generations.length === 1 && generations[0]!.state === "serving";
}

/** How a child ended. */
export type End = { readonly status: number } | { readonly signal: number; readonly name: string };

export interface Failure {
  /** What the generation did: "exited with status 1 before it was ready". */
  readonly text: string;
  /** What the supervisor exits with, if it comes to that. */
  readonly exitStatus: number;
}

export type TimerName = "hint" | "delay" | "start-timeout" | "settle" | "stop-timeout" | "watchdog" | "abort-timeout";

/** Timers that belong to no generation: the backoff after crashes, and systemd's watchdog. */
export type OwnTimerName = "restart" | "feed";

/** What one datagram of a generation says. */
export interface Notification {
  readonly ready?: boolean;
  readonly stopping?: boolean;
  readonly status?: string;
  /** Microseconds. */
  readonly extend?: number;
  readonly reported?: string;
  readonly watchdog?: "ping" | "trigger";
  /** Microseconds. */
  readonly watchdogTimeout?: number;
}

export interface ReloadRequest {
  /** Who wants the result; null for a signal. */
  readonly asker: number | null;
  /** When it was wanted, where that is known: before it got here. */
  readonly since: number | null;
  /** A candidate that is still starting is aborted. */
  readonly replace: boolean;
}

interface Posthumous {
  /** It is read when the main process has ended already. */
  readonly posthumous?: boolean;
}

export type Event = { readonly now: number } & (
  | { readonly type: "start" }
  | ({ readonly type: "reload" } & ReloadRequest)
  /** Aborts the candidate, if it is starting. */
  | { readonly type: "cancel" }
  | { readonly type: "stop"; readonly signal: string }
  | { readonly type: "pass"; readonly signal: string }
  /** The backoff after a crash is over. */
  | { readonly type: "restart" }
  /** systemd's watchdog is hungry. */
  | { readonly type: "feed" }
  | { readonly type: "spawned"; readonly generation: number; readonly pid: number }
  | { readonly type: "spawn-failed"; readonly generation: number; readonly text: string; readonly exitStatus: number }
  /** By another way than READY=1. */
  | ({ readonly type: "ready"; readonly generation: number } & Posthumous)
  | ({ readonly type: "notified"; readonly generation: number } & Notification & Posthumous)
  /** Its main process has ended; "exited" follows when all others have. */
  | { readonly type: "dying"; readonly generation: number }
  | { readonly type: "exited"; readonly generation: number; readonly end: End }
  | { readonly type: "timer"; readonly generation: number; readonly timer: TimerName }
);

/** An event that has yet to get its time. */
export type Happening = Event extends infer E ? (E extends Event ? Omit<E, "now"> : never) : never;

export type Priority = "err" | "warning" | "notice" | "info" | "debug";

export type Effect =
  /** Answered by "spawned" or "spawn-failed". */
  | { readonly type: "spawn"; readonly generation: number }
  /** To the main process. */
  | { readonly type: "signal"; readonly generation: number; readonly signal: string }
  /** SIGKILL to all processes of the generation. */
  | { readonly type: "kill"; readonly generation: number }
  /** The generation is gone: so are its sockets and its timers. */
  | { readonly type: "release"; readonly generation: number }
  /** Replaces the timer of that name. The generation of an own timer is 0. */
  | {
      readonly type: "set-timer";
      readonly timer: TimerName | OwnTimerName;
      readonly generation: number;
      readonly at: number;
    }
  | { readonly type: "clear-timer"; readonly timer: TimerName | OwnTimerName; readonly generation: number }
  | { readonly type: "notify"; readonly assignments: readonly string[] }
  | { readonly type: "log"; readonly priority: Priority; readonly text: string }
  /** How a reload ended, for those who asked: `generation` serves, or `error` says why not, and which one failed. */
  | {
      readonly type: "result";
      readonly askers: readonly number[];
      readonly generation: Generation | null;
      readonly error: string | null;
    }
  | { readonly type: "exit"; readonly status: number };
