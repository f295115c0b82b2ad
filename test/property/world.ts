// The world around the state machine, simulated: what the real shell would hold (children, timers, spawns under way), a
// clock, and children that live and die as a random sequence says.

import { constants } from "node:os";
import { isDeepStrictEqual } from "node:util";
import type { Config } from "../../src/machine/config.js";
import type { Effect } from "../../src/machine/effects.js";
import type { Event, Happening, Notification } from "../../src/machine/events.js";
import { timerKey } from "../../src/machine/names.js";
import type { End } from "../../src/machine/outcome.js";
import { readSnapshot, writeSnapshot } from "../../src/machine/snapshot.js";
import { initialState, type SetTimer, type State, timersOf } from "../../src/machine/state.js";
import { step } from "../../src/machine/step.js";

/** How the start of one generation goes, and what it does when it is told to stop. */
export interface Fate {
  /** The spawn is answered when the sequence says so; else at once, as the real shell does. */
  readonly late: boolean;
  readonly fails: boolean;
  readonly onStop: "exits 0" | "exits 7" | "exits 128 + it" | "dies of it" | "ignores it";
  /** What it does at SIGABRT. */
  readonly onAbort: "exits 0" | "dies of it" | "ignores it";
  /** Others of its processes end after the main one. */
  readonly leaves: boolean;
}

/** What happens next. `who` picks one of the generations that it can happen to; where there is none, nothing happens. */
export type Action =
  | { readonly do: "wait"; readonly microseconds: number }
  | { readonly do: "wait for a timer" }
  | { readonly do: "answer a spawn" }
  | { readonly do: "say"; readonly who: number; readonly message: Notification }
  | { readonly do: "write a newline"; readonly who: number }
  | { readonly do: "end"; readonly who: number; readonly end: End }
  /** Of those that were told to stop or killed, one ends. */
  | { readonly do: "obey"; readonly who: number }
  /** Who asks may know how long ago, µs, that was wanted. */
  | { readonly do: "reload"; readonly asks: boolean; readonly age: number | null; readonly replaces: boolean }
  | { readonly do: "cancel" }
  | { readonly do: "stop"; readonly signal: string }
  | { readonly do: "pass" }
  /** Another supervisor takes over what this one has written down. */
  | { readonly do: "take over" }
  /** Something comes late, about a generation that is gone. */
  | { readonly do: "stale"; readonly who: number; readonly event: Happening };

export interface Step {
  readonly index: number;
  readonly event: Event;
  readonly before: State;
  readonly after: State;
  readonly effects: readonly Effect[];
}

interface Child {
  readonly number: number;
  readonly fate: Fate;
  state: "to be spawned" | "running" | "dying" | "gone";
  /** How it ends, soon, because it was told to. */
  ending: End | undefined;
}

const SIGKILL: End = { signal: 9, name: "SIGKILL" };
const SIGABRT: End = { signal: 6, name: "SIGABRT" };

export class World {
  now = 5e6;
  state = initialState;
  /** Those that are set, by timerKey(). */
  readonly timers = new Map<string, SetTimer>();
  exited = false;
  takeovers = 0;
  private readonly children = new Map<number, Child>();
  private readonly queue: Happening[] = [];
  private stepping = false;
  private steps = 0;
  private lastPid = 100;
  private lastAsker = 0;

  /**
   * @param fates of generation 1, 2, …; then from the first again
   * @param lateness by how much every timer fires late, µs
   * @param observe called after each step, when its effects are carried out
   */
  constructor(
    readonly config: Config,
    private readonly fates: readonly Fate[],
    readonly lateness: number,
    private readonly observe: (step: Step) => void,
  ) {}

  /** As the shell does it: what happens while effects are carried out waits for its turn. */
  happen(happening: Happening): void {
    this.queue.push(happening);
    if (this.stepping) return;
    this.stepping = true;
    for (let next = this.queue.shift(); next; next = this.queue.shift()) this.step({ ...next, now: this.now } as Event);
    this.stepping = false;
  }

  act(action: Action): void {
    switch (action.do) {
      case "wait":
        return this.wait(action.microseconds);
      case "wait for a timer":
        return this.wait(Math.max(0, this.nextTimer() + this.lateness - this.now));
      case "answer a spawn":
        return this.answer(this.pick(0, child => child.state === "to be spawned"));
      case "say":
        return this.about(this.pick(action.who, isRunning), { type: "notified", ...action.message });
      case "write a newline":
        return this.about(this.pick(action.who, isRunning), { type: "ready" });
      case "end":
        return this.end(this.pick(action.who, isRunning), action.end);
      case "obey":
        return this.obey(this.pick(action.who, ({ ending }) => ending !== undefined));
      case "reload":
        return this.happen({
          type: "reload",
          since: action.asks && action.age !== null ? this.now - action.age : null,
          replace: action.asks && action.replaces,
          asker: action.asks ? ++this.lastAsker : null,
        });
      case "cancel":
        return this.happen({ type: "cancel" });
      case "stop":
        return this.happen({ type: "stop", signal: action.signal });
      case "pass":
        return this.happen({ type: "pass", signal: "SIGUSR1" });
      case "take over":
        return this.takeOver();
      case "stale":
        // A timer that is set fires when it is due, not before.
        if (action.event.type === "timer" && this.timers.has(timerKey(action.event))) return;
        return this.about(
          this.pick(action.who, ({ state }) => state === "gone"),
          action.event,
        );
    }
  }

  /** All who start become ready, until nothing starts any more. False when that leads nowhere. */
  calmDown(): boolean {
    return this.until(() => {
      const { phase, deadlines, generations } = this.state;
      const isCalm = generations.every(
        ({ state, processes }) => /serving|draining/.test(state) && processes.every(({ doom }) => !doom),
      );
      return phase !== "running" || (deadlines.restart === undefined && isCalm);
    });
  }

  /** A stop, and every deadline passes; with an infinite one, Ctrl-C ends the wait. False when that leads nowhere. */
  stop(): boolean {
    this.happen({ type: "stop", signal: "SIGTERM" });
    if (this.config.stopTimeout === Number.POSITIVE_INFINITY) this.happen({ type: "stop", signal: "SIGINT" });
    return this.until(() => this.exited);
  }

  private until(reached: () => boolean): boolean {
    for (let round = 0; round < 200; round++) {
      if (reached()) return true;
      this.answer(this.pick(0, child => child.state === "to be spawned"));
      const starting = this.pick(0, isRunning);
      if (this.config.ready === "notify") this.about(starting, { type: "notified", ready: true });
      if (this.config.ready === "fd") this.about(starting, { type: "ready" });
      this.act({ do: "wait for a timer" });
    }
    return false;
  }

  /** The state is written down and read again, and the timers are set by it. */
  private takeOver(): void {
    const before = this.state;
    this.state = readSnapshot(writeSnapshot(before));
    if (!isDeepStrictEqual(this.state, before)) throw new Error("what was written down is read as something else");
    this.timers.clear();
    for (const timer of timersOf(this.state)) this.timers.set(timerKey(timer), timer);
    this.takeovers++;
  }

  private step(event: Event): void {
    const before = this.state;
    const [after, effects] = step(deepFreeze(before), deepFreeze(event), deepFreeze(this.config));
    this.state = after;
    for (const effect of effects) this.perform(effect);
    this.observe({ index: this.steps++, event, before, after, effects });
  }

  private perform(effect: Effect): void {
    switch (effect.type) {
      case "spawn":
        return this.spawn(effect.generation);
      case "signal":
        return this.signal(this.children.get(effect.generation), effect.signal);
      case "kill":
        return this.kill(this.children.get(effect.generation));
      case "set-timer": {
        const { type: _, ...timer } = effect;
        this.timers.set(timerKey(timer), timer);
        return;
      }
      case "clear-timer":
        this.timers.delete(timerKey(effect));
        return;
      case "exit":
        this.exited = true;
        return;
    }
  }

  private spawn(number: number): void {
    const fate = this.fates[(number - 1) % this.fates.length]!;
    const child: Child = { number, fate, state: "to be spawned", ending: undefined };
    this.children.set(number, child);
    if (!fate.late) this.answer(child);
  }

  private answer(child: Child | undefined): void {
    if (!child) return;
    child.state = child.fate.fails ? "gone" : "running";
    if (child.fate.fails) this.about(child, { type: "spawn-failed", error: "ENOENT: execve 'app'", exitStatus: 69 });
    else this.about(child, { type: "spawned", pid: ++this.lastPid });
  }

  private signal(child: Child | undefined, signal: string): void {
    if (!child || !isRunning(child)) return;
    if (signal === "SIGABRT" && child.fate.onAbort !== "ignores it") {
      child.ending ??= child.fate.onAbort === "exits 0" ? { status: 0 } : SIGABRT;
    }
    if (signal !== this.config.stopSignal) return;
    const ends = {
      "exits 0": { status: 0 },
      "exits 7": { status: 7 },
      "exits 128 + it": { status: 128 + constants.signals[signal as NodeJS.Signals] },
      "dies of it": { signal: 15, name: signal },
      "ignores it": undefined,
    };
    child.ending ??= ends[child.fate.onStop];
  }

  private kill(child: Child | undefined): void {
    if (child && isRunning(child)) child.ending = SIGKILL;
  }

  private obey(child: Child | undefined): void {
    if (child) this.end(child, child.ending!);
  }

  private end(child: Child | undefined, end: End): void {
    if (!child) return;
    child.ending = undefined;
    if (child.fate.leaves && child.state !== "dying") {
      child.state = "dying";
      this.about(child, { type: "dying" });
      // What it has left was killed.
      child.ending = end;
      return;
    }
    child.state = "gone";
    this.about(child, { type: "exited", end });
  }

  /** Those that were told to end do so; then the clock goes on, and timers fire when they are due. */
  private wait(microseconds: number): void {
    const end = this.now + microseconds;
    for (;;) {
      for (let child = this.pickEnding(); child; child = this.pickEnding()) this.obey(child);
      const [next] = [...this.timers.values()].sort((a, b) => a.at - b.at);
      if (!next || next.at + this.lateness > end) break;
      const { at, ...timer } = next;
      this.now = Math.max(this.now, at + this.lateness);
      this.timers.delete(timerKey(timer));
      this.happen({ type: "timer", ...timer });
    }
    if (end !== Number.POSITIVE_INFINITY) this.now = end;
  }

  /** Of those that come to an end; systemd's watchdog is fed on the way. */
  private nextTimer(): number {
    const times = [...this.timers.values()].flatMap(({ timer, at }) => (timer === "feed" ? [] : [at]));
    return times.length > 0 ? Math.min(...times) : this.now;
  }

  private pickEnding(): Child | undefined {
    return this.pick(0, ({ ending }) => ending !== undefined);
  }

  /** The newest for 0, the one before it for 1, … */
  private pick(who: number, suits: (child: Child) => boolean): Child | undefined {
    const children = [...this.children.values()].filter(suits).reverse();
    return children[who % children.length];
  }

  private about(child: Child | undefined, event: object): void {
    if (child) this.happen({ slot: 0, ...event, generation: child.number } as Happening);
  }
}

function isRunning({ state }: Child): boolean {
  return state === "running";
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
