// A bystander knows this much of each generation, from events and effects alone. The invariants are checked against it,
// not against what the machine thinks.

import type { Config } from "../../src/machine/config.js";
import type { Effect } from "../../src/machine/effects.js";
import type { Event } from "../../src/machine/events.js";
import type { End } from "../../src/machine/outcome.js";
import type { Step } from "./vocabulary.js";

export interface Life {
  readonly number: number;
  /** The step that decided to start it. */
  readonly born: number;
  readonly startedAt: number;
  pid: number | undefined;
  /** When it became ready, was told to stop, was sent SIGABRT, was killed. */
  readyAt: number | undefined;
  toldAt: number | undefined;
  abortedAt: number | undefined;
  killedAt: number | undefined;
  /** When its start, or its drain, has taken too long. */
  limit: number;
  /** It is only tried. */
  readonly isTrial: boolean;
  /** It takes the place of one that crashed. */
  readonly isReplacement: boolean;
  /** It is ready but for that probe, and those after it. */
  probe: number | undefined;
  failedProbe: boolean;
  /** An operator aborted it. */
  cancelled: boolean;
  /** The main process has ended. */
  dying: boolean;
  saidStopping: boolean;
  reported: string;
  end: End | "not started" | undefined;
  released: boolean;
}

export type Ended = Extract<Event, { type: "exited" | "spawn-failed" }>;

export class Lives {
  readonly all = new Map<number, Life>();
  /** The generations that are gone, in the order of their ends. */
  readonly gone: Life[] = [];
  /** systemd was told READY=1 once; STOPPING=1. */
  announced = false;
  stopping = false;
  exited = false;

  constructor(private readonly config: Config) {}

  happened(event: Event, index: number, effects: readonly Effect[]): void {
    this.take(event);
    for (const effect of effects) {
      if (effect.type === "kill") {
        const life = this.all.get(effect.generation)!;
        const isOvertaken = life.isTrial && effects.some(other => says(other, "RELOADING=1"));
        life.cancelled ||= event.type === "cancel" || event.type === "reload" || isOvertaken;
      }
      if (effect.type === "spawn") this.begin(effect.generation, event, index, effects);
      this.see(effect, event.now);
    }
  }

  /** Not gone yet, oldest first. */
  get present(): Life[] {
    return [...this.all.values()].filter(({ released }) => !released);
  }

  /** Ready and neither told to stop, nor killed, nor ended: they serve. */
  get serving(): Life[] {
    return this.present.filter(life => !life.isTrial && life.readyAt !== undefined && isWanted(life));
  }

  /** It is to take over: it isn't ready yet, or it is ready beside an older one that serves (settling). */
  get candidates(): Life[] {
    const [current] = this.serving;
    return this.present.filter(
      life =>
        !life.isTrial &&
        life.toldAt === undefined &&
        !life.end &&
        (life.readyAt === undefined || (isWanted(life) && life !== current)),
    );
  }

  private begin(number: number, event: Event, index: number, effects: readonly Effect[]): void {
    const isTrial = event.type === "try";
    const isReload = effects.some(effect => says(effect, "RELOADING=1"));
    const isReplacement = this.announced && !isReload && !isTrial;
    this.all.set(number, { ...newLife(number, index, event.now), isTrial, isReplacement });
  }

  /** It is ready, but for the probes that a candidate must pass. */
  private becomeReady(life: Life, now: number): void {
    if (life.probe !== undefined || !canBecomeReady(life)) return;
    if (this.config.probes.length === 0 || life.isReplacement) nowReady(life, now);
    else this.probe(life, 0, now);
  }

  private probe(life: Life, probe: number, now: number): void {
    life.probe = probe;
    life.limit = now + this.config.probeTimeout;
  }

  private probed(life: Life, { probe, failure, now }: Extract<Event, { type: "probed" }>): void {
    if (life.probe !== probe || life.failedProbe || !canBecomeReady(life)) return;
    if (failure) life.failedProbe = true;
    else if (probe + 1 < this.config.probes.length) this.probe(life, probe + 1, now);
    else nowReady(life, now);
  }

  private take(event: Event): void {
    const life = "generation" in event ? this.all.get(event.generation) : undefined;
    if (!life || life.end) return;
    const { ready, readyDelay: _, startTimeout } = this.config;
    switch (event.type) {
      case "spawned":
        life.pid = event.pid;
        if (ready === "exec") this.becomeReady(life, event.now);
        else if (ready !== "delay" && life.toldAt === undefined) life.limit = event.now + startTimeout;
        return;
      case "ready":
        return this.becomeReady(life, event.now);
      case "accepting":
        return ready === "accept" || ready === "notify+accept" ? this.becomeReady(life, event.now) : undefined;
      case "timer":
        return event.timer === "delay" ? this.becomeReady(life, event.now) : undefined;
      case "notified":
        if (event.stopping) life.saidStopping = true;
        if (event.reported) life.reported = event.reported;
        if (
          event.extend &&
          ((life.readyAt ?? life.probe) === undefined || life.toldAt !== undefined) &&
          life.killedAt === undefined
        )
          life.limit = Math.max(life.limit, event.now + event.extend);
        // The generation never serves after that.
        if (event.watchdog === "trigger" && isWanted(life) && !life.dying) this.aborted(life, event.now);
        return event.ready && ready === "notify" ? this.becomeReady(life, event.now) : undefined;
      case "probed":
        return this.probed(life, event);
      case "dying":
        life.dying = true;
        // A generation that only settled will not serve.
        if (life.toldAt === undefined && life !== this.serving[0]) life.readyAt = undefined;
        return;
      case "exited":
        life.end = event.end;
        return;
      case "spawn-failed":
        life.end = "not started";
        return;
    }
  }

  private see(effect: Effect, now: number): void {
    const life = "generation" in effect && effect.type !== "result" ? this.all.get(effect.generation) : undefined;
    if (effect.type === "release" && life) {
      life.released = true;
      this.gone.push(life);
    }
    if (effect.type === "kill" && life) life.killedAt ??= now;
    if (effect.type === "signal" && effect.signal === "SIGABRT" && life) this.aborted(life, now);
    if (effect.type === "signal" && effect.signal === this.config.stopSignal && life) this.told(life, now);
    if (effect.type === "exit") this.exited = true;
    if (says(effect, "READY=1")) this.announced = true;
    if (says(effect, "STOPPING=1")) {
      this.stopping = true;
      for (const other of this.present) this.told(other, now);
    }
  }

  private aborted(life: Life, now: number): void {
    if (life.abortedAt !== undefined) return;
    life.abortedAt = now;
    // A generation that only settled will not serve.
    if (life !== this.serving[0]) life.readyAt = undefined;
  }

  private told(life: Life, now: number): void {
    if (life.toldAt !== undefined) return;
    life.toldAt = now;
    if (life.killedAt === undefined) life.limit = now + this.config.stopTimeout;
  }
}

export function says(effect: Effect, assignment: string): boolean {
  return effect.type === "notify" && effect.assignments.includes(assignment);
}

/** Whether the step tells systemd this. */
export function tells({ effects }: Pick<Step, "effects">, assignment: string): boolean {
  return effects.some(effect => says(effect, assignment));
}

/** The words for how a generation ended. */
export function reasonOf(event: Ended, life: Life): string {
  if (event.type === "spawn-failed") return `could not be started: ${event.error}`;
  if (life.cancelled) return "was aborted";
  if (life.abortedAt !== undefined) return "its watchdog";
  if (life.failedProbe) return "failed its probe";
  if (
    life.probe !== undefined &&
    life.killedAt !== undefined &&
    life.readyAt === undefined &&
    life.toldAt === undefined
  )
    return "did not pass its probe";
  if (life.killedAt !== undefined && life.readyAt === undefined && life.toldAt === undefined)
    return "was not ready within";
  return "signal" in event.end ? `was killed by ${event.end.name}` : `exited with status ${event.end.status}`;
}

function isWanted(life: Life): boolean {
  // A generation that was sent SIGABRT counts until it is gone: only then is it a crash.
  return life.toldAt === undefined && (life.killedAt === undefined || life.abortedAt !== undefined) && !life.end;
}

function canBecomeReady(life: Life): boolean {
  return life.readyAt === undefined && life.abortedAt === undefined && !life.dying && isWanted(life);
}

function nowReady(life: Life, now: number): void {
  life.readyAt = now;
  life.limit = Number.POSITIVE_INFINITY;
}

function newLife(number: number, born: number, startedAt: number): Life {
  return {
    number,
    born,
    startedAt,
    pid: undefined,
    readyAt: undefined,
    toldAt: undefined,
    abortedAt: undefined,
    killedAt: undefined,
    limit: Number.POSITIVE_INFINITY,
    isTrial: false,
    isReplacement: false,
    probe: undefined,
    failedProbe: false,
    cancelled: false,
    dying: false,
    saidStopping: false,
    reported: "",
    end: undefined,
    released: false,
  };
}
