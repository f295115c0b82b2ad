// The part of the command line that decisions depend on.

export type ReadyMode = "notify" | "exec" | "delay" | "fd" | "accept" | "notify+accept";

/** Times are in microseconds; `Infinity` means no limit. */
export interface Config {
  /** The supervisor's own pid, for MAINPID=. */
  readonly pid: number;
  readonly ready: ReadyMode;
  /** The mode "delay" takes a generation for ready after this time. */
  readonly readyDelay: number;
  readonly startTimeout: number;
  /** What a candidate that is ready must pass, in this order, before it settles: for people. */
  readonly probes: readonly string[];
  /** How long each of them may take. */
  readonly probeTimeout: number;
  readonly stopTimeout: number;
  /** How long --before-drain may take, before a process that was ready is told to stop; 0 where there is none. */
  readonly beforeDrain: number;
  readonly settle: number;
  readonly stopSignal: string;
  readonly onCrash: "restart" | "exit";
  /** How many processes a generation has, until somebody asks for more or fewer. */
  readonly workers: number;
  /** How many accept queues an address has at most: with fewer workers nobody would accept on some of them. */
  readonly queues: number;
  /** How many more than that a reload may start before those that they replace are gone; `Infinity` for all at once. */
  readonly surge: number;
  /** The cpu.weight of a process that boots while another one serves in its slot; USUAL_WEIGHT for no difference. */
  readonly bootWeight: number;
  /** How many workers may boot at a time while others serve in their slots. */
  readonly bootParallel: number;
  /** When a worker that serves is replaced by another one; `Infinity` for never. */
  readonly maxAge: number;
  /**
   * How often systemd wants to hear WATCHDOG=1 from the supervisor, and the supervisor from each process that has said
   * it once; 0 for never.
   */
  readonly watchdog: number;
  /** There are sockets that listen, and /proc tells who waits on them. */
  readonly seesAccepting: boolean;
}
