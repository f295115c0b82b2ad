// Counts what happens, for those who watch many services: see docs/metrics.md.

import type { Move } from "./move.js";
import type { Cause } from "./outcome.js";

/** How often something happened, and how long that took in all, in µs. */
export interface Tally {
  readonly count: number;
  readonly time: number;
}

/** Since the supervisor was started; it may have replaced itself since. No number ever gets less. */
export interface Counts {
  /** Reloads by their result, from the start of the candidate on. One that a stop overtook has none. */
  readonly reloads: Readonly<Record<"succeeded" | "failed", Tally>>;
  /** Processes that ended without being told to while they served, or were to replace one that did. */
  readonly crashes: number;
  /** Processes of all generations, by how they ended. */
  readonly ends: Readonly<Record<Cause["kind"], number>>;
  /** Workers that another one was started for, by why. */
  readonly recycled: Readonly<Record<"age" | "memory", number>>;
}

const NONE: Tally = { count: 0, time: 0 };

export const NO_COUNTS: Counts = {
  reloads: { succeeded: NONE, failed: NONE },
  crashes: 0,
  ends: {
    exit: 0,
    signal: 0,
    spawn: 0,
    cancelled: 0,
    "start-timeout": 0,
    probe: 0,
    "probe-timeout": 0,
    hidden: 0,
    "stop-timeout": 0,
    interrupted: 0,
    watchdog: 0,
  },
  recycled: { age: 0, memory: 0 },
};

function count(move: Move, change: (counts: Counts) => Partial<Counts>): void {
  const { counts } = move.state;
  move.state = { ...move.state, counts: { ...counts, ...change(counts) } };
}

/**
 * Adds the difference, which isn't negative: of a sum with the time since the boot, rounding may leave less than there was.
 *
 * @param startedAt when its candidate was started
 */
export function countReload(move: Move, result: keyof Counts["reloads"], startedAt: number): void {
  count(move, ({ reloads }) => {
    const { count, time } = reloads[result];
    return { reloads: { ...reloads, [result]: { count: count + 1, time: time + (move.now - startedAt) } } };
  });
}

export function countCrash(move: Move): void {
  count(move, ({ crashes }) => ({ crashes: crashes + 1 }));
}

export function countEnd(move: Move, kind: Cause["kind"]): void {
  count(move, ({ ends }) => ({ ends: { ...ends, [kind]: ends[kind] + 1 } }));
}

export function countRecycled(move: Move, why: keyof Counts["recycled"]): void {
  count(move, ({ recycled }) => ({ recycled: { ...recycled, [why]: recycled[why] + 1 } }));
}
