// The machine's timers. They are set by the clock's time, so that whoever knows their deadlines can set them again.

import { type Timer, timerKey } from "../machine/names.js";
import type { SetTimer } from "../machine/state.js";
import type { Outside } from "./outside.js";

/** setTimeout's longest time: 2³¹ − 1 ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Calls back at a time of the clock, in µs; after LONGEST_TIMER in any case.
 *
 * @returns what prevents that
 */
export function callAt({ now, after }: Pick<Outside, "now" | "after">, at: number, callback: () => void): () => void {
  return after(Math.min(Math.ceil((at - now()) / 1e3), LONGEST_TIMER), callback);
}

export class Timers {
  /** What clears each that is set, by timerKey(). */
  private readonly timers = new Map<string, () => void>();

  /** @param beforeFire called before a timer is told of; it may set or clear that timer */
  constructor(
    private readonly outside: Pick<Outside, "now" | "after">,
    private readonly beforeFire: (timer: Timer) => void,
    private readonly onFire: (timer: Timer) => void,
  ) {}

  set({ at, ...timer }: SetTimer): void {
    const key = timerKey(timer);
    this.clear(timer);
    const clear = callAt(this.outside, at, () => {
      this.beforeFire(timer);
      if (this.timers.get(key) !== clear) return;
      this.timers.delete(key);
      if (this.outside.now() < at) this.set({ ...timer, at });
      else this.onFire(timer);
    });
    this.timers.set(key, clear);
  }

  clear(timer: Timer): void {
    const key = timerKey(timer);
    this.timers.get(key)?.();
    this.timers.delete(key);
  }
}
