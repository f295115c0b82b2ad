// A child in the world around the supervisor's shell, which is a process in name only; what happens to it, and what the shell
// is seen to do.

import type { Config } from "../../src/machine/config.js";
import type { Priority } from "../../src/machine/effects.js";
import type { End } from "../../src/machine/outcome.js";
import type { ReloadResult } from "../../src/supervisor/supervisor.js";
import type { ScriptedCgroup } from "./scripted-cgroup.js";
import type { Action, Fate } from "./world.js";

export interface Setting {
  readonly config: Config;
  /** Of generation 1, 2, …; then from the first again. `late`: what it says waits to be read. */
  readonly fates: readonly Fate[];
  /** By how much every timer fires late, µs. */
  readonly lateness: number;
  readonly cgroups: boolean;
  /** What a generation leaves hangs in the kernel: SIGKILL doesn't end it. */
  readonly hangs: boolean;
}

/** What happens next, beside what can happen to the machine alone (world.ts). */
export type ShellAction =
  | Exclude<Action, { do: "stale" }>
  | { readonly do: "store"; readonly who: number }
  | { readonly do: "babble"; readonly who: number; readonly text: string };

export interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export interface Child {
  readonly number: number;
  readonly pid: number;
  readonly pidfd: number;
  readonly fate: Fate;
  readonly startedAt: number;
  readonly variables: ReadonlyMap<string, string>;
  readonly pidVariables: readonly string[];
  readonly fds: readonly number[];
  readonly cgroup: ScriptedCgroup | undefined;
  /** Its ends of its notify socket and its ready pipe, the shell's of the former, and how that learns of something to read. */
  readonly notify: number;
  readonly ready: number | undefined;
  readonly listener: number;
  readonly onNotify: () => void;
  readonly onReady: () => void;
  /** "dying": it was waited for, and others of its cgroup run on. */
  state: "running" | "zombie" | "dying" | "gone";
  /** How it ends, soon, because it was told to. */
  ending: End | undefined;
  end: End | undefined;
  endedAt: number | undefined;
  unread: number;
  /** That it is ready is among it. */
  readyUnread: boolean;
  /** When it said so, and it counted. */
  readyAt: number | undefined;
  /** What came first, of what happened at one time. */
  readyOrder: number;
  endOrder: number;
  /** The timer that makes it ready. */
  delay: Timer | undefined;
  watched: boolean;
  triggered: boolean;
  cancelled: boolean;
  /** It ended, or was aborted, while it settled. */
  failed: boolean;
  toldAt: number | undefined;
  abortedAt: number | undefined;
  killedAt: number | undefined;
  /** Its process group was killed between its end and its being waited for. */
  swept: boolean;
}

/** What the shell did. */
export type Fact =
  | { readonly did: "spawn"; readonly number: number; readonly child: Child | undefined }
  | { readonly did: "signal"; readonly child: Child; readonly signal: string }
  | { readonly did: "kill"; readonly child: Child }
  | { readonly did: "reap"; readonly child: Child }
  | { readonly did: "tell"; readonly assignments: readonly string[] }
  | { readonly did: "log"; readonly priority: Priority; readonly text: string }
  | { readonly did: "answer"; readonly earliest: number; readonly result: ReloadResult }
  | { readonly did: "exit"; readonly status: number }
  /** What it must never do. */
  | { readonly did: "wrong"; readonly what: string };

/** What is not known of it from the first. */
type Fresh =
  | "state"
  | "ending"
  | "end"
  | "endedAt"
  | "endOrder"
  | "unread"
  | "readyUnread"
  | "delay"
  | "watched"
  | "triggered"
  | "cancelled"
  | "failed"
  | "toldAt"
  | "abortedAt"
  | "killedAt"
  | "swept";

export function newChild(known: Omit<Child, Fresh>): Child {
  return {
    ...known,
    state: "running",
    ending: undefined,
    end: undefined,
    endedAt: undefined,
    endOrder: Number.POSITIVE_INFINITY,
    unread: 0,
    readyUnread: false,
    delay: undefined,
    watched: false,
    triggered: false,
    cancelled: false,
    failed: false,
    toldAt: undefined,
    abortedAt: undefined,
    killedAt: undefined,
    swept: false,
  };
}

export function isRunning({ state }: Child): boolean {
  return state === "running";
}
