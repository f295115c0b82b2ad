// Drives the state machine by hand, and writes what it does as lines that a table can hold.

import type { Config } from "../../src/machine/config.js";
import type { Effect } from "../../src/machine/effects.js";
import type { Event, Happening, Notification } from "../../src/machine/events.js";
import type { Timer } from "../../src/machine/names.js";
import type { End } from "../../src/machine/outcome.js";
import { initialState, type SetTimer, timersOf } from "../../src/machine/state.js";
import { step } from "../../src/machine/step.js";
import { refusalText } from "../../src/machine/words.js";
import { formatTimeSpan } from "../../src/systemd/formats/time-span.js";

export const SECOND = 1e6;

const CONFIG: Config = {
  pid: 42,
  ready: "notify",
  readyDelay: 0,
  startTimeout: 600 * SECOND,
  stopTimeout: 90 * SECOND,
  settle: 0,
  stopSignal: "SIGINT",
  onCrash: "restart",
  watchdog: 0,
};

/** Each method feeds one event in and returns its effects, but those on timers: see `timers`. */
export class Machine {
  state = initialState;
  now = 10 * SECOND;
  lastEffects: readonly Effect[] = [];
  private readonly armed = new Map<string, SetTimer>();
  private readonly config: Config;

  constructor(config: Partial<Config> = {}) {
    this.config = { ...CONFIG, ...config };
  }

  /** One whose generation 1 serves since a second after its start. */
  static serving(config: Partial<Config> = {}): Machine {
    const machine = new Machine(config);
    machine.start();
    machine.spawned(1);
    machine.now += SECOND;
    machine.ready(1);
    return machine;
  }

  /** Generation 2 is to replace generation 1; asker 1 waits for that. */
  static reloading(config: Partial<Config> = {}): Machine {
    const machine = Machine.serving(config);
    machine.reload(1);
    machine.spawned(2);
    return machine;
  }

  /** Generation 2 serves, generation 1 drains. */
  static draining(config: Partial<Config> = {}): Machine {
    const machine = Machine.reloading(config);
    machine.ready(2);
    return machine;
  }

  /** The timers that are set, and in what time each fires: "stop-timeout 1": "90s". */
  get timers(): Record<string, string> {
    return Object.fromEntries([...this.armed].map(([timer, { at }]) => [timer, formatTimeSpan(at - this.now)]));
  }

  start(): string[] {
    return this.event({ type: "start" });
  }

  /** Generation 1 has pid 101, and so on. */
  spawned(generation: number): string[] {
    return this.event({ type: "spawned", generation, slot: 0, pid: 100 + generation });
  }

  spawnFailed(generation: number, error: string, exitStatus: number): string[] {
    return this.event({ type: "spawn-failed", generation, slot: 0, error, exitStatus });
  }

  ready(generation: number): string[] {
    return this.says(generation, { ready: true });
  }

  says(generation: number, message: Notification): string[] {
    return this.event({ type: "notified", generation, slot: 0, ...message });
  }

  exits(generation: number, status: number): string[] {
    return this.ends(generation, { status });
  }

  ends(generation: number, end: End): string[] {
    return this.event({ type: "exited", generation, slot: 0, end });
  }

  reload(asker: number | null = null, request: { since?: number; replace?: boolean } = {}): string[] {
    return this.event({ type: "reload", since: null, replace: false, asker, ...request });
  }

  stop(signal = "SIGTERM"): string[] {
    return this.event({ type: "stop", signal });
  }

  pass(signal: string): string[] {
    return this.event({ type: "pass", signal });
  }

  /** The clock goes to that timer's time ("stop-timeout 1"), and it fires. */
  fires(key: string): string[] {
    const due = this.armed.get(key);
    if (due === undefined) throw new Error(`no timer ${key} is set: ${[...this.armed.keys()]}`);
    const { at, ...timer } = due;
    this.armed.delete(key);
    this.now = at;
    return this.event({ type: "timer", ...timer });
  }

  event(happening: Happening): string[] {
    const [state, effects] = step(this.state, { ...happening, now: this.now } as Event, this.config);
    this.state = state;
    this.lastEffects = effects;
    const lines = effects.flatMap(effect => this.perform(effect));
    const known = timersOf(state);
    const isKnown =
      known.length === this.armed.size && known.every(timer => this.armed.get(keyOf(timer))?.at === timer.at);
    if (!isKnown) throw new Error(`timers ${[...this.armed.keys()]} are set, but ${known.map(keyOf)} are known`);
    return lines;
  }

  private perform(effect: Effect): string[] {
    switch (effect.type) {
      case "set-timer": {
        const { type: _, ...timer } = effect;
        this.armed.set(keyOf(timer), timer);
        return [];
      }
      case "clear-timer":
        this.armed.delete(keyOf(effect));
        return [];
      case "notify":
        return [`systemd: ${effect.assignments.join(" ")}`];
      case "log":
        return [`${effect.priority}: ${effect.text}`];
      case "signal":
        // It comes with every signal that is to end a generation.
        if (effect.signal === "SIGCONT") return [];
        return [`signal ${effect.generation} ${effect.signal}`];
      case "result":
        return [
          `result for [${effect.askers}]: ${effect.problem ? refusalText(effect.problem) : `generation ${effect.generation!.number}`}`,
        ];
      case "exit":
        return [`exit ${effect.status}`];
      default:
        return [`${effect.type} ${effect.generation}`];
    }
  }
}

/** "stop-timeout 1", "watchdog 1", "feed 0" */
function keyOf(timer: Timer): string {
  return `${timer.timer} ${"generation" in timer ? timer.generation : 0}`;
}
