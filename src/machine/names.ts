// The names of states and timers.

/**
 * A generation goes from starting to settling, serving and draining. The candidate is the one that is starting or
 * settling; the current one is serving.
 */
export type GenerationState = "starting" | "settling" | "serving" | "draining";

/**
 * What a process is there for. A starting one isn't ready yet. A settling one is ready, and what it replaces has not been
 * told to stop yet. A serving one is on duty. A draining one was told to stop.
 */
export type Duty = GenerationState;

/**
 * A process that replaces one that crashed is waiting until its backoff is over. It is spawning until it has a pid, then
 * running. An aborting one was sent SIGABRT, a killing one SIGKILL. The main process of a dying one has ended, and others of
 * its cgroup have not.
 */
export type ProcessState = "waiting" | "spawning" | "running" | "aborting" | "killing" | "dying";

export type GenerationTimer = "settle";
export type ProcessTimer =
  | "again"
  | "hint"
  | "delay"
  | "start-timeout"
  | "probe-timeout"
  | "leave-timeout"
  | "stop-timeout"
  | "age"
  | "watchdog"
  | "abort-timeout";
/** Timers of the supervisor: the backoff after crashes, the proof of a release that serves, and systemd's watchdog. */
export type OwnTimer = "restart" | "remember" | "feed";

/** Names one timer and its owner. */
export type Timer =
  | { readonly timer: OwnTimer }
  | { readonly timer: GenerationTimer; readonly generation: number }
  | { readonly timer: ProcessTimer; readonly generation: number; readonly process: number };

/** When each timer that is set fires, in µs. A timer that isn't set has no entry. */
export type Deadlines<Name extends string> = { readonly [name in Name]?: number };

/** The name of a timer for a map: "feed", "settle/2", "watchdog/2/0". */
export function timerKey(timer: Timer): string {
  const { timer: name, generation, process }: { timer: string; generation?: number; process?: number } = timer;
  return [name, generation, process].filter(part => part !== undefined).join("/");
}
