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
  /** Its own, as in /proc/PID/cgroup. */
  readonly cgroup?: string;
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
  readonly generation?: number;
  readonly pid?: number;
}
