// The shell's door to the outside: processes, signals, timers and the clock. Tests put a world of their own behind it.

import { lookForWaiting } from "../linux/accepting/look.js";
import { releaseMemory } from "../linux/memory.js";
import { isUnhandled } from "../linux/signal-handlers.js";
import { listensElsewhere } from "../linux/sockets/listeners.js";
import { native } from "../native/index.js";
import { whatLacks } from "./room.js";
import { spawn } from "./spawn.js";

export interface Outside extends Pick<typeof native, "spawn" | "reap" | "reapOrphans" | "readable" | "watch"> {
  /** CLOCK_MONOTONIC in microseconds, as MONOTONIC_USEC= wants it. */
  now(): number;
  /** Calls back once, in that many milliseconds. @returns what prevents that */
  after(milliseconds: number, callback: () => void): () => void;
  /** Calls back for every signal of that name which this process gets. */
  onSignal(signal: NodeJS.Signals, callback: () => void): void;
  /** Has a callback that a watch calls again and again wait until signals that came before are told. */
  afterSignals(callback: () => void): () => void;
  /** kill(2): a negative pid is that of a process group. */
  kill(pid: number, signal: NodeJS.Signals): void;
  readonly lookForWaiting: typeof lookForWaiting;
  readonly listensElsewhere: typeof listensElsewhere;
  readonly whatLacks: typeof whatLacks;
  readonly isUnhandled: typeof isUnhandled;
  releaseMemory(): void;
}

/**
 * In each turn of its loop libuv tells of signals last; of one that comes while it asks the kernel it learns in the
 * next turn.
 */
const TURNS_FOR_SIGNALS = 2;

export const outside: Outside = {
  now: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e6 + Math.floor(nanoseconds / 1e3);
  },
  after: (milliseconds, callback) => {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
  onSignal: (signal, callback) => void process.on(signal, callback),
  afterSignals: callback => {
    let turns = 0;
    return () => {
      if (++turns > TURNS_FOR_SIGNALS) callback();
    };
  },
  kill: (pid, signal) => void process.kill(pid, signal),
  spawn,
  reap: pidfd => native.reap(pidfd),
  reapOrphans: own => native.reapOrphans(own),
  readable: fd => native.readable(fd),
  watch: (fd, writable, callback) => native.watch(fd, writable, callback),
  lookForWaiting,
  listensElsewhere,
  whatLacks,
  isUnhandled,
  releaseMemory,
};
