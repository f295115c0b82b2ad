// The part of the command line that decisions depend on.

export type ReadyMode = "notify" | "exec" | "delay" | "fd";

/** Times are in microseconds; `Infinity` means no limit. */
export interface Config {
  /** The supervisor's own pid, for MAINPID=. */
  readonly pid: number;
  readonly ready: ReadyMode;
  /** For the mode "delay". */
  readonly readyDelay: number;
  readonly startTimeout: number;
  readonly stopTimeout: number;
  readonly settle: number;
  readonly stopSignal: string;
  readonly onCrash: "restart" | "exit";
  /**
   * How often systemd wants to hear WATCHDOG=1 from the supervisor, and the supervisor from each process that has said it
   * once; 0 for never.
   */
  readonly watchdog: number;
}
