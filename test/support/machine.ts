// Drives the state machine by hand, and writes what it does as lines that a table can hold.

import type { Config } from "../../src/machine/config.js";
import type { Effect } from "../../src/machine/effects.js";
import type { Address, Event, Happening, Notification } from "../../src/machine/events.js";
import type { Timer } from "../../src/machine/names.js";
import type { End, ProbeFailure } from "../../src/machine/outcome.js";
import { rollbackRelease } from "../../src/machine/releases.js";
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
  probes: [],
  probeTimeout: 30 * SECOND,
  stopTimeout: 90 * SECOND,
  beforeDrain: 0,
  settle: 0,
  stopSignal: "SIGINT",
  onCrash: "restart",
  workers: 1,
  queues: 1,
  surge: Number.POSITIVE_INFINITY,
  bootWeight: 100,
  bootParallel: Number.POSITIVE_INFINITY,
  maxAge: Number.POSITIVE_INFINITY,
  watchdog: 0,
  seesAccepting: false,
};

/** Each method feeds one event in and returns its effects, but those on timers: see `timers`. */
export class Machine {
  state = initialState;
  now = 10 * SECOND;
  /** The releases that proved good, in their order. */
  readonly remembered: number[] = [];
  lastEffects: readonly Effect[] = [];
  private readonly armed = new Map<string, SetTimer>();
  readonly config: Config;

  constructor(config: Partial<Config> = {}) {
    this.config = { ...CONFIG, ...config };
  }

  /** Makes a machine whose generation 1 serves since a second after its start. */
  static serving(config: Partial<Config> = {}): Machine {
    const machine = new Machine(config);
    machine.start();
    machine.spawned(1);
    machine.now += SECOND;
    machine.ready(1);
    return machine;
  }

  /** One whose generation 1 serves with several workers. */
  static ofWorkers(workers: number, config: Partial<Config> = {}): Machine {
    const machine = new Machine({ workers, ...config });
    machine.start();
    machine.arrive(1, ...Array.from({ length: workers }, (_, process) => process));
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

  /** Whether what serves is to be remembered when it has served for --settle. */
  get isProving(): boolean {
    return this.armed.has("remember 0");
  }

  /** The other timers that are set, and in what time each fires: "stop-timeout 1": "90s". */
  get timers(): Record<string, string> {
    const others = [...this.armed].filter(([timer]) => timer !== "remember 0");
    return Object.fromEntries(others.map(([timer, { at }]) => [timer, formatTimeSpan(at - this.now)]));
  }

  start(remembers = false): string[] {
    return this.event({ type: "start", remembers });
  }

  /** Generation 1 has pid 101, and so on; its other processes have pids 111, 121 … */
  spawned(generation: number, process = 0): string[] {
    return this.event({ type: "spawned", generation, process, pid: 100 + generation + 10 * process });
  }

  spawnFailed(generation: number, error: string, exitStatus: number, process = 0): string[] {
    return this.event({ type: "spawn-failed", generation, process, error, exitStatus });
  }

  ready(generation: number, process = 0): string[] {
    return this.says(generation, { ready: true }, process);
  }

  says(generation: number, message: Notification, process = 0): string[] {
    return this.event({ type: "notified", generation, process, ...message });
  }

  exits(generation: number, status: number, process = 0): string[] {
    return this.ends(generation, { status }, process);
  }

  ends(generation: number, end: End, process = 0): string[] {
    return this.event({ type: "exited", generation, process, end });
  }

  scale(workers: number, asker: number | null = null): string[] {
    return this.event({ type: "scale", asker, workers });
  }

  /** Those of its processes become ready, as soon as they are there. @returns the last one's effects */
  arrive(generation: number, ...processes: number[]): string[] {
    return processes.flatMap(process => [this.spawned(generation, process), this.ready(generation, process)]).at(-1)!;
  }

  reload(asker: number | null = null, request: { since?: number; replace?: boolean; same?: boolean } = {}): string[] {
    return this.event({ type: "reload", since: null, replace: false, same: false, release: null, asker, ...request });
  }

  /** @throws {Error} when there is nothing to go back to */
  rollback(asker: number | null = null, replace = false): string[] {
    const release = rollbackRelease(this.state);
    if (release === null) throw new Error("nothing served before");
    return this.event({ type: "reload", since: null, replace, same: false, release, asker });
  }

  tryOut(asker: number): string[] {
    return this.event({ type: "try", asker });
  }

  /** The outcome of a probe; null: it has passed. */
  probed(generation: number, probe: number, failure: ProbeFailure | null = null, process = 0): string[] {
    return this.event({ type: "probed", generation, process, probe, failure });
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

  /** "2" for the first process of generation 2, and "2/1" for its second. */
  private who({ generation, process }: Address): string {
    return process > 0 ? `${generation}/${process}` : String(generation);
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
      case "remember":
        this.remembered.push(effect.release);
        return [];
      case "signal":
        // SIGCONT comes with every signal that is to end a generation.
        if (effect.signal === "SIGCONT") return [];
        return [`signal ${this.who(effect)} ${effect.signal}`];
      case "weigh":
        return [`weigh ${this.who(effect)} ${effect.weight}`];
      case "result":
        return [
          `result for [${effect.askers}]: ${effect.problem ? refusalText(effect.problem) : `generation ${effect.generation!.number}`}`,
        ];
      case "exit":
        return [`exit ${effect.status}`];
      default:
        return [`${effect.type} ${this.who(effect)}`];
    }
  }
}

/** "stop-timeout 1", "watchdog 1/2", "feed 0" */
function keyOf(timer: Timer): string {
  const process = "process" in timer && timer.process > 0 ? `/${timer.process}` : "";
  return `${timer.timer} ${"generation" in timer ? timer.generation : 0}${process}`;
}
