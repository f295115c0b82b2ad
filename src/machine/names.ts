// The names of states and timers.

/**
 * A generation goes from starting to settling, serving and draining. The candidate is the one that is starting or
 * settling; the current one is serving.
 */
export type GenerationState = "starting" | "settling" | "serving" | "draining";

/**
 * A process is spawning until it has a pid, then running. An aborting one was sent SIGABRT, a killing one SIGKILL. The
 * main process of a dying one has ended, and others of its cgroup have not.
 */
export type ProcessState = "spawning" | "running" | "aborting" | "killing" | "dying";

export type GenerationTimer = "hint" | "delay" | "start-timeout" | "settle" | "stop-timeout";
export type ProcessTimer = "watchdog" | "abort-timeout";
/** Timers of the supervisor: the backoff after crashes, and systemd's watchdog. */
export type OwnTimer = "restart" | "feed";

/** One timer, and whose it is. */
export type Timer =
  | { readonly timer: OwnTimer }
  | { readonly timer: GenerationTimer; readonly generation: number }
  | { readonly timer: ProcessTimer; readonly generation: number; readonly slot: number };

/** When each timer that is set fires, in µs. A timer that isn't set has no entry. */
export type Deadlines<Name extends string> = { readonly [name in Name]?: number };

/** The name of a timer for a map: "feed", "settle/2", "watchdog/2/0". */
export function timerKey(timer: Timer): string {
  const { timer: name, generation, slot }: { timer: string; generation?: number; slot?: number } = timer;
  return [name, generation, slot].filter(part => part !== undefined).join("/");
}
