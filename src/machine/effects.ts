// The machine decides on effects, and the shell carries them out in their order.

import type { Address } from "./events.js";
import type { Timer } from "./names.js";
import type { News } from "./news.js";
import type { Problem } from "./outcome.js";
import type { Generation } from "./state.js";

export type Priority = "err" | "warning" | "notice" | "info" | "debug";

export type Effect =
  /** "spawned" or "spawn-failed" answers it. What it starts is what generation `release` was started from. */
  | ({ readonly type: "spawn"; readonly release: number; readonly slot: number; readonly workers: number } & Address)
  /** To that process alone. */
  | ({ readonly type: "signal"; readonly signal: string } & Address)
  /** SIGKILL to it and all that it has started. */
  | ({ readonly type: "kill" } & Address)
  /** The cpu.weight of its cgroup from now on. That with which it starts is weightOf(). */
  | ({ readonly type: "weigh"; readonly weight: number } & Address)
  /** It is gone with all that it has started, and what was opened for it can be closed. */
  | ({ readonly type: "release" } & Address)
  /**
   * Looks from now on whether it waits for clients on the sockets of its slot: "accepting" answers it, and "unseen" after `patience` in
   * µs, which ends the look unless it `goesOn`. So does another duty of it, or its own end.
   */
  | ({ readonly type: "look"; readonly slot: number; readonly patience: number; readonly goesOn: boolean } & Address)
  /** "probed" answers it, unless the process ends first, or its probe-timeout comes. */
  | ({ readonly type: "probe"; readonly probe: number } & Address)
  /** --before-drain is run for it: "left" answers it, unless the process ends first, or its leave-timeout comes. */
  | ({ readonly type: "leave" } & Address)
  /** Replaces the same timer if it is set. */
  | ({ readonly type: "set-timer"; readonly at: number } & Timer)
  | ({ readonly type: "clear-timer" } & Timer)
  /** It has proved good: the next supervisor may fall back on it. */
  | { readonly type: "remember"; readonly release: number }
  | { readonly type: "notify"; readonly assignments: readonly string[] }
  /** A line for people, and for programs what the news is in it. */
  | { readonly type: "log"; readonly priority: Priority; readonly text: string; readonly news?: News }
  /**
   * How a reload, a trial or a change of the number of workers ended, for those who asked: `generation` serves, or would, or
   * `problem` says why not, and which one failed.
   */
  | {
      readonly type: "result";
      readonly askers: readonly number[];
      readonly generation: Generation | null;
      readonly problem: Problem | null;
    }
  | { readonly type: "exit"; readonly status: number };
