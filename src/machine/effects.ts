// What the machine decides: the shell carries these out in their order.

import type { Timer } from "./names.js";
import type { Problem } from "./outcome.js";
import type { Generation } from "./state.js";

export type Priority = "err" | "warning" | "notice" | "info" | "debug";

export type Effect =
  /** "spawned" or "spawn-failed" answers it. */
  | { readonly type: "spawn"; readonly generation: number; readonly slot: number }
  /** To the main process of that slot. */
  | { readonly type: "signal"; readonly generation: number; readonly slot: number; readonly signal: string }
  /** SIGKILL to all processes of that slot. */
  | { readonly type: "kill"; readonly generation: number; readonly slot: number }
  /** All processes of that slot are gone, and what was opened for them can be closed. */
  | { readonly type: "release"; readonly generation: number; readonly slot: number }
  /** Replaces the same timer if it is set. */
  | ({ readonly type: "set-timer"; readonly at: number } & Timer)
  | ({ readonly type: "clear-timer" } & Timer)
  | { readonly type: "notify"; readonly assignments: readonly string[] }
  | { readonly type: "log"; readonly priority: Priority; readonly text: string }
  /** How a reload ended, for those who asked: `generation` serves, or `problem` says why not, and which one failed. */
  | {
      readonly type: "result";
      readonly askers: readonly number[];
      readonly generation: Generation | null;
      readonly problem: Problem | null;
    }
  | { readonly type: "exit"; readonly status: number };
