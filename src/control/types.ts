// What goes over the control socket: docs/tech.fornaxian.zerodown.varlink, in TypeScript.

export interface GenerationReport {
  readonly number: number;
  readonly state: "starting" | "settling" | "serving" | "draining" | "ended";
  readonly pid?: number;
  /** µs of CLOCK_MONOTONIC, as all times here. */
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Its own STATUS=. */
  readonly status: string;
  /** How it ended, and why. */
  readonly end?: string;
  /** The same as values. */
  readonly outcome?: OutcomeReport;
  /** Its own, as in /proc/PID/cgroup. */
  readonly cgroup?: string;
}

/** How a process ended, and why, as values: Outcome of src/machine/outcome.ts with what there is to say. */
export interface OutcomeReport {
  /** exit, signal, spawn, start-timeout, stop-timeout, interrupted, watchdog or cancelled; later versions may have more. */
  readonly kind: string;
  /** What its generation did when it ended. */
  readonly state: "starting" | "settling" | "serving" | "draining";
  /** The exit status, where it exited. */
  readonly status?: number;
  /** The name of the signal, where it was killed by one. */
  readonly signal?: string;
  /** Why it could not be started. */
  readonly error?: string;
  /** The time that it exceeded, µs. */
  readonly limit?: number;
  /** Whether SIGABRT did not end one that missed its watchdog. */
  readonly killed?: boolean;
  /** Its ERRNO= or EXIT_STATUS=, in words. */
  readonly reported?: string;
  /** Its last STATUS=, if it never served and reported nothing else: that may be why. */
  readonly lastStatus?: string;
}

export interface SocketReport {
  readonly fd: number;
  readonly name: string;
  readonly address: string;
  /** By a generation: FDSTORE=1 in sd_notify(3). */
  readonly stored?: boolean;
}

export interface StatusReport {
  readonly version: string;
  readonly pid: number;
  readonly now: number;
  readonly status: string;
  readonly generations: readonly GenerationReport[];
  readonly sockets: readonly SocketReport[];
}

export interface ReloadReport {
  readonly generation?: number;
  readonly generations: readonly GenerationReport[];
}

export interface ReloadFailure {
  readonly reason: string;
  readonly outcome?: OutcomeReport;
  readonly generation?: number;
  readonly pid?: number;
}
