// A child in the world around the supervisor's shell, which is a process in name only; what happens to it, and what the
// shell is seen to do.

import { closeSync } from "node:fs";
import type { Config } from "../../src/machine/config.js";
import type { Priority } from "../../src/machine/effects.js";
import type { Notification } from "../../src/machine/events.js";
import type { End } from "../../src/machine/outcome.js";
import type { ReloadResult } from "../../src/supervisor/askers.js";
import type { ScriptedCgroup } from "./scripted-cgroup.js";
import type { Action, Fate } from "./vocabulary.js";

export interface Setting {
  readonly config: Config;
  /** A fate for each of generation 1, 2, …; then from the first again. `late`: what it says waits to be read. */
  readonly fates: readonly Fate[];
  /** Every timer fires so late, µs. */
  readonly lateness: number;
  readonly cgroups: boolean;
  /** Processes that a generation leaves hang in the kernel: SIGKILL doesn't end them. */
  readonly hangs: boolean;
}

/** An action on this world: those on the machine alone (world.ts), and more. */
export type ShellAction =
  | Exclude<Action, { do: "stale" | "probe" | "try" }>
  | { readonly do: "store"; readonly who: number }
  | { readonly do: "babble"; readonly who: number; readonly text: string };

export interface Timer {
  at: number;
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
  /**
   * The child's ends of its notify socket and its ready pipe; the shell's end of the former, and how the shell learns
   * that it can read.
   */
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
  /** READY=1 is among the messages that the shell has yet to read. */
  readyUnread: boolean;
  /** When it said so, and it counted. */
  readyAt: number | undefined;
  /** These tell what came first, of what happened at one time. */
  readyOrder: number;
  endOrder: number;
  /** The timer that makes it ready. */
  delay: Timer | undefined;
  watched: boolean;
  triggered: boolean;
  cancelled: boolean;
  /** The child ended, or was aborted, while it settled. */
  failed: boolean;
  toldAt: number | undefined;
  abortedAt: number | undefined;
  killedAt: number | undefined;
  /** The process group was killed between the child's end and its being waited for. */
  swept: boolean;
}

/** The shell did this. */
export type Fact =
  | { readonly did: "spawn"; readonly number: number; readonly child: Child | undefined }
  | { readonly did: "signal"; readonly child: Child; readonly signal: string }
  | { readonly did: "kill"; readonly child: Child }
  | { readonly did: "reap"; readonly child: Child }
  | { readonly did: "tell"; readonly assignments: readonly string[] }
  | { readonly did: "log"; readonly priority: Priority; readonly text: string }
  | { readonly did: "answer"; readonly earliest: number; readonly result: ReloadResult }
  | { readonly did: "exit"; readonly status: number }
  | { readonly did: "take over" }
  /** The shell must never do this. */
  | { readonly did: "wrong"; readonly what: string };

/** These change while it lives. */
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

/** 0 where its generation is one process. */
export function slotOf({ variables }: Child): number {
  return Number(variables.get("ZERODOWN_WORKER") ?? 0);
}

export function isRunning({ state }: Child): boolean {
  return state === "running";
}

/** Something has told the child to end, and it has yet to do so. */
export function isEnding({ state, ending, cgroup }: Child): boolean {
  return (state === "running" && ending !== undefined) || (state === "dying" && cgroup!.isKilled);
}

/** Closes the child's ends of its notify socket and its ready pipe. */
export function hangUp({ notify, ready }: Child): void {
  closeSync(notify);
  if (ready !== undefined) closeSync(ready);
}

/** Puts what a child says in the words of sd_notify(3). */
export function textOf(message: Notification): string {
  const { ready, status, stopping, extend, reported, watchdog, watchdogTimeout } = message;
  const lines = [
    ready && "READY=1",
    status !== undefined && `STATUS=${status}`,
    stopping && "STOPPING=1",
    extend !== undefined && `EXTEND_TIMEOUT_USEC=${extend}`,
    reported && "ERRNO=2",
    watchdog && `WATCHDOG=${watchdog === "ping" ? 1 : watchdog}`,
    watchdogTimeout !== undefined &&
      `WATCHDOG_USEC=${Number.isFinite(watchdogTimeout) ? watchdogTimeout : 2n ** 64n - 1n}`,
  ];
  return lines.filter(Boolean).join("\n");
}

/** The last of its processes is gone. */
export function vanish(child: Child): void {
  child.state = "gone";
  child.cgroup!.onEmpty!();
}
