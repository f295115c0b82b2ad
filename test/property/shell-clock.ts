// The clock that the supervisor's shell is given, in µs: it stands still until a test lets time pass.

import type { Timer } from "./shell-child.js";

export class ShellClock {
  time = 5e6;
  /** A timer's callback is running. */
  isFiring = false;
  private readonly timers = new Set<Timer>();

  /** @param lateness by how much every timer fires late, µs */
  constructor(private readonly lateness: number) {}

  set(milliseconds: number, callback: () => void): Timer {
    const timer = { at: this.time + milliseconds * 1e3, callback };
    this.timers.add(timer);
    return timer;
  }

  clear(timer: Timer): void {
    this.timers.delete(timer);
  }

  /** The timers that are set, without those of one callback. */
  without(except: () => void): Timer[] {
    return [...this.timers].filter(({ callback }) => callback !== except);
  }

  clearAll(): void {
    this.timers.clear();
  }

  /** How long it takes until a timer fires; 0 where none is set. */
  get untilNext(): number {
    const [next] = this.inOrder;
    return next ? Math.max(0, next.at + this.lateness - this.time) : 0;
  }

  /** Goes on to when the next timer fires, and takes that out; undefined where none does before `end`. */
  takeNext(end: number): Timer | undefined {
    const [next] = this.inOrder;
    if (!next || next.at + this.lateness > end) return undefined;
    this.time = Math.max(this.time, next.at + this.lateness);
    this.timers.delete(next);
    return next;
  }

  fire({ callback }: Timer): void {
    this.isFiring = true;
    callback();
    this.isFiring = false;
  }

  private get inOrder(): Timer[] {
    return [...this.timers].sort((a, b) => a.at - b.at);
  }
}
