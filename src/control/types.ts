// What goes over the control socket: docs/tech.fornaxian.zerodown.varlink, in TypeScript.

export interface GenerationReport {
  readonly number: number;
  readonly state: "starting" | "settling" | "serving" | "draining" | "ended";
  readonly pid?: number;
  /** µs of CLOCK_MONOTONIC, as all times here. */
  readonly startedAt: number;
  readonly endedAt?: number;
  /** It is, or was, tried only: see DryRun. */
  readonly trial?: boolean;
  /** Its own STATUS=. */
  readonly status: string;
  /** How it ended, and why. */
  readonly end?: string;
  /** The same as values. */
  readonly outcome?: OutcomeReport;
  /** Its own, as in /proc/PID/cgroup. */
  readonly cgroup?: string;
  /** The cpu.weight of its cgroup, where that is a boot's. */
  readonly weight?: number;
  /** What it was started from; of those that have not ended. */
  readonly release?: ReleaseReport;
  /** Where it has several processes. */
  readonly workers?: readonly WorkerReport[];
}

/** What a generation was started from. */
export interface ReleaseReport {
  /** The first generation that was started from it. */
  readonly number: number;
  /** Whether it is what was last found on disk. */
  readonly onDisk: boolean;
  /** The real paths of its working directory and of its executable. */
  readonly directory?: string;
  readonly executable?: string;
  readonly arguments: readonly string[];
  /** The names of what its --env-file assigned. */
  readonly variables: readonly string[];
}

/** One of several processes of a generation. */
export interface WorkerReport {
  readonly slot: number;
  /** A waiting one is started when a backoff is over. */
  readonly state: "waiting" | "starting" | "settling" | "serving" | "draining";
  readonly pid?: number;
  /** Which accept queue it has of each address that has several, in the order of the sockets; none where none has. */
  readonly queues?: readonly number[];
  readonly startedAt: number;
  readonly status: string;
  /** How often the slot's process was started again because the one before it had crashed. */
  readonly restarts: number;
  /** How that ended. */
  readonly last?: string;
  readonly cgroup?: string;
  /** The cpu.weight of its cgroup, where that is a boot's. */
  readonly weight?: number;
}

/** How a process ended, and why, as values: Outcome of src/machine/outcome.ts with what there is to say. */
export interface OutcomeReport {
  /** exit, signal, spawn, start-timeout, probe, probe-timeout, hidden, stop-timeout, interrupted, watchdog, cancelled; later versions may add. */
  readonly kind: string;
  /** What its generation did when it ended. */
  readonly state: "starting" | "settling" | "serving" | "draining";
  /** The exit status, where it exited. */
  readonly status?: number;
  /** The name of the signal, where it was killed by one. */
  readonly signal?: string;
  /** Which probe it did not pass. */
  readonly probe?: string;
  /** Why it could not be started, or did not pass the probe. */
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
  /** Its number, from 0, where it is one of several accept queues of that address: they have the same `fd`. */
  readonly queue?: number;
  /** How many connections wait to be accepted, where the kernel tells: of TCP. */
  readonly waiting?: number;
  /** By a generation: FDSTORE=1 in sd_notify(3). */
  readonly stored?: boolean;
  /** Of what is stored, where there are several workers: the slot of the one that gets it. */
  readonly slot?: number;
}

/** How often something happened, and for how long in all, µs. */
export interface TallyReport {
  readonly count: number;
  readonly time: number;
}

/** What has happened since the supervisor was started, its upgrades included: Counts of src/machine/counts.ts. */
export interface CountsReport {
  /** By their result: succeeded, failed. */
  readonly reloads: Readonly<Record<string, TallyReport>>;
  readonly crashes: number;
  /** By the kind of outcome: see OutcomeReport. */
  readonly ends: Readonly<Record<string, number>>;
  /** By why: age, memory. */
  readonly recycled: Readonly<Record<string, number>>;
}

export interface StatusReport {
  readonly version: string;
  readonly pid: number;
  readonly now: number;
  readonly status: string;
  /** How many workers are wanted. */
  readonly workers?: number;
  readonly generations: readonly GenerationReport[];
  readonly sockets: readonly SocketReport[];
  /** None of a supervisor that doesn't count yet. */
  readonly counts?: CountsReport;
  /** The real paths of all releases that may be started again; none of a supervisor that doesn't tell yet. */
  readonly releasePaths?: readonly string[];
}

export interface ReloadReport {
  readonly generation?: number;
  readonly generations: readonly GenerationReport[];
}

export interface ScaleReport {
  readonly workers: number;
  readonly generations: readonly GenerationReport[];
}

/** What the new supervisor tells of itself, and of the one that it has replaced. */
export interface UpgradeReport {
  /** The version that it had. */
  readonly before: string;
  readonly version: string;
  readonly pid: number;
}

export interface ReloadFailure {
  readonly reason: string;
  readonly outcome?: OutcomeReport;
  readonly generation?: number;
  readonly pid?: number;
}
