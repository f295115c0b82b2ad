// The timers of a supervisor that took over, beside those of the one before it.

import type { Child, Timer } from "./shell-child.js";

/** The shell rounds up to milliseconds, each time that it sets a timer. µs */
const ROUNDING = 1e3;

/**
 * Every timer is to be set again, at its old deadline, and no other. Those that are get the deadline to the microsecond,
 * as if nobody had taken over.
 *
 * @returns what is wrong
 */
export function missedBy(timers: Iterable<Timer>, before: readonly Timer[], children: readonly Child[]): string[] {
  const wrong: string[] = [];
  // Both in order: two that are due within a millisecond may have come nearer to each other's deadline than to their own.
  const left = [...timers].sort(byTime);
  for (const old of [...before].sort(byTime)) {
    while (left[0] && left[0].at < old.at - ROUNDING) wrong.push(`a timer is new that is due at ${left.shift()!.at}`);
    const again = left[0] && left[0].at <= old.at + ROUNDING ? left.shift() : undefined;
    if (!again) {
      wrong.push(`a timer is lost that was due at ${old.at}`);
      continue;
    }
    again.at = old.at;
    for (const child of children) if (child.delay === old) child.delay = again;
  }
  return [...wrong, ...left.map(({ at }) => `a timer is new that is due at ${at}`)];
}

const byTime = (a: Timer, b: Timer) => a.at - b.at;
