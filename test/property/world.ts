// The world around the state machine, simulated: what the real shell would hold (children, timers, spawns under way), a
// clock, and children that live and die as a random sequence says.

import { constants } from "node:os";
import { isDeepStrictEqual } from "node:util";
import { howToStart } from "../../src/machine/boot.js";
import type { Config } from "../../src/machine/config.js";
import type { Effect } from "../../src/machine/effects.js";
import type { Event, Happening } from "../../src/machine/events.js";
import { timerKey } from "../../src/machine/names.js";
import type { End, ProbeFailure } from "../../src/machine/outcome.js";
import { rollbackRelease } from "../../src/machine/releases.js";
import { readSnapshot, writeSnapshot } from "../../src/machine/snapshot.js";
import { initialState, type SetTimer, timersOf } from "../../src/machine/state.js";
import { step } from "../../src/machine/step.js";
import { deepFreeze } from "./freeze.js";
import type { Action, Fate, Step } from "./vocabulary.js";
import { type Child, isRunning, isWell, keyOf } from "./world-child.js";

const SIGKILL: End = { signal: 9, name: "SIGKILL" };
const SIGABRT: End = { signal: 6, name: "SIGABRT" };

export class World {
  now = 5e6;
  state = initialState;
  /** The timers that are set, by timerKey(). */
  readonly timers = new Map<string, SetTimer>();
  exited = false;
  takeovers = 0;
  /** By generation and process: "2/0". */
  private readonly children = new Map<string, Child>();
  private readonly queue: Happening[] = [];
  private stepping = false;
  private steps = 0;
  private lastPid = 100;
  private lastAsker = 0;

  /**
   * @param fates of those that are started, one after the other; then from the first again
   * @param lateness by how much every timer fires late, µs
   * @param observe called after each step, when its effects are carried out
   */
  constructor(
    readonly config: Config,
    private readonly fates: readonly Fate[],
    readonly lateness: number,
    private readonly observe: (step: Step) => void,
  ) {}

  /** The weights of the cgroups of all children. */
  get weights(): ReadonlyMap<string, number> {
    return new Map([...this.children].map(([key, { weight }]) => [key, weight]));
  }

  /** What was last found on disk. */
  private disk: number | undefined;

  /** Does as the shell does: an event that comes while effects are carried out waits for its turn. */
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
      case "accept":
        return this.about(
          this.pick(action.who, child => isRunning(child) && child.isLookedAt),
          { type: "accepting" },
        );
      case "probe":
        return this.probed(
          this.pick(action.who, ({ probe }) => probe !== undefined),
          action.failure,
        );
      case "leave":
        return this.left(this.pick(action.who, ({ isLeaving }) => isLeaving));
      case "try":
        return this.happen({ type: "try", asker: ++this.lastAsker });
      case "end":
        return this.end(this.pick(action.who, isRunning), action.end);
      case "obey":
        return this.obey(this.pick(action.who, ({ ending }) => ending !== undefined));
      case "reload":
        return this.happen({
          type: "reload",
          since: action.asks && action.age !== null ? this.now - action.age : null,
          replace: action.asks && action.replaces,
          same: false,
          release: null,
          asker: action.asks ? ++this.lastAsker : null,
        });
      case "roll back": {
        const release = rollbackRelease(this.state);
        if (release === null) return;
        const asker = ++this.lastAsker;
        return this.happen({ type: "reload", since: null, replace: action.replaces, same: false, release, asker });
      }
      case "scale":
        return this.happen({ type: "scale", asker: ++this.lastAsker, workers: action.workers });
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
      const isCalm = generations.every(({ state, processes }) =>
        processes.every(
          process => process.duty === "draining" || (state === "serving" && isWell(process) && process.duty === state),
        ),
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
      for (const child of [...this.children.values()]) if (child.state === "to be spawned") this.answer(child);
      for (const child of [...this.children.values()].filter(isRunning)) {
        if (this.config.ready.startsWith("notify")) this.about(child, { type: "notified", ready: true });
        if (this.config.ready === "fd") this.about(child, { type: "ready" });
        if (isRunning(child) && child.isLookedAt) this.about(child, { type: "accepting" });
        while (isRunning(child) && child.probe !== undefined) this.probed(child, null);
      }
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
        return this.spawn(effect);
      case "signal":
        return this.signal(this.children.get(keyOf(effect)), effect.signal);
      case "kill":
        return this.kill(this.children.get(keyOf(effect)));
      case "set-timer": {
        const { type: _, ...timer } = effect;
        this.timers.set(timerKey(timer), timer);
        return;
      }
      case "clear-timer":
        this.timers.delete(timerKey(effect));
        return;
      case "look":
        this.children.get(keyOf(effect))!.isLookedAt = true;
        return;
      case "probe":
        this.children.get(keyOf(effect))!.probe = effect.probe;
        return;
      case "leave":
        this.children.get(keyOf(effect))!.isLeaving = true;
        return;
      case "weigh":
        this.children.get(keyOf(effect))!.weight = effect.weight;
        return;
      case "exit":
        this.exited = true;
        return;
    }
  }

  private spawn({ release, ...address }: Extract<Effect, { type: "spawn" }>): void {
    const { generation: number, process } = address;
    const fate = this.fates[this.children.size % this.fates.length]!;
    const child: Child = {
      number,
      process,
      fate,
      state: "to be spawned",
      isLookedAt: false,
      probe: undefined,
      isLeaving: false,
      weight: howToStart(this.state, address, this.config.bootWeight).weight,
      ending: undefined,
    };
    if (this.children.has(keyOf(address))) throw new Error(`process ${keyOf(address)} is started twice`);
    this.children.set(keyOf(address), child);
    if (release === number && process === 0) this.lookUp(number, fate);
    if (!fate.late) this.answer(child);
  }

  /** What is on disk is new, or what was there before. */
  private lookUp(generation: number, { isKnown }: Fate): void {
    if (!isKnown || this.disk === undefined) this.disk = generation;
    else this.happen({ type: "recognized", generation, release: this.disk });
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

  /** It may be too late. */
  private probed(child: Child | undefined, failure: ProbeFailure | null): void {
    const { probe } = child ?? {};
    if (child) child.probe = undefined;
    this.about(child, { type: "probed", probe, failure });
    // As at a timer: an operator who aborts it before it is gone would be the reason.
    if (failure && child?.ending) this.obey(child);
  }

  /** It may be too late. */
  private left(child: Child | undefined): void {
    if (child) child.isLeaving = false;
    this.about(child, { type: "left" });
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
      // The processes that it left were killed.
      child.ending = end;
      return;
    }
    child.state = "gone";
    this.about(child, { type: "exited", end });
  }

  /** Children that were told to end do so; then the clock goes on, and timers fire when they are due. */
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

  /** Of those that come to an end; systemd's watchdog is fed on the way, and workers grow old again and again. */
  private nextTimer(): number {
    const times = [...this.timers.values()].flatMap(({ timer, at }) =>
      timer === "feed" || timer === "age" ? [] : [at],
    );
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
    if (child) this.happen({ ...event, generation: child.number, process: child.process } as Happening);
  }
}
