// What a bystander knows of each worker, from events and effects alone: see worker-rules.ts.

import type { Config } from "../../src/machine/config.js";
import type { Effect } from "../../src/machine/effects.js";
import type { Address, Event } from "../../src/machine/events.js";
import { says } from "./lives.js";

export interface Worker {
  readonly generation: number;
  readonly process: number;
  readonly slot: number;
  readonly release: number;
  readonly startedAt: number;
  /** It is only tried. */
  readonly isTrial: boolean;
  /** It is ready but for that probe, and those after it. */
  probe: number | undefined;
  pid: number | undefined;
  isReady: boolean;
  toldAt: number | undefined;
  /** It was sent SIGABRT or SIGKILL, or its main process has ended. */
  doomed: boolean;
  ended: boolean;
  released: boolean;
}

export class Crew {
  /** By generation and process: "2/0". */
  readonly all = new Map<string, Worker>();
  wanted: number;
  announced = false;
  stopping = false;
  exited = false;

  constructor(private readonly config: Config) {
    this.wanted = config.workers;
  }

  happened(event: Event, effects: readonly Effect[]): void {
    if (event.type === "scale" && !this.stopping && event.workers >= this.config.queues) this.wanted = event.workers;
    const isProbed = effects.some(({ type }) => type === "probe");
    if ("process" in event) this.take(event, isProbed);
    for (const effect of effects) this.see(effect, event);
  }

  /** Not gone yet, oldest first. */
  get present(): Worker[] {
    return [...this.all.values()].filter(({ released }) => !released);
  }

  /** Ready, not told to stop and not ended. */
  get serving(): Worker[] {
    return this.present.filter(
      worker => worker.isReady && !worker.isTrial && !worker.doomed && worker.toldAt === undefined,
    );
  }

  /** The slots that are wanted and that one serves in. */
  get served(): Set<number> {
    return new Set(this.serving.map(({ slot }) => slot).filter(slot => slot < this.wanted));
  }

  find(address: Address): Worker | undefined {
    const worker = this.all.get(`${address.generation}/${address.process}`);
    return worker?.released ? undefined : worker;
  }

  private take(event: Event & Address, isProbed: boolean): void {
    const worker = this.find(event);
    if (!worker || worker.ended) return;
    const { ready } = this.config;
    const isAlive = !worker.doomed && worker.toldAt === undefined;
    const isFit = isAlive && worker.probe === undefined && !isProbed;
    switch (event.type) {
      case "spawned":
        worker.pid = event.pid;
        worker.isReady ||= isFit && ready === "exec";
        return;
      case "ready":
        worker.isReady ||= isFit;
        return;
      case "timer":
        worker.isReady ||= isFit && event.timer === "delay";
        return;
      case "notified":
        worker.isReady ||= isFit && ready === "notify" && event.ready === true && event.watchdog !== "trigger";
        return;
      case "probed":
        if (isAlive && !event.failure && event.probe === worker.probe && !isProbed) worker.isReady = true;
        return;
      case "dying":
        worker.doomed = true;
        return;
      case "exited":
      case "spawn-failed":
        worker.doomed = true;
        worker.ended = true;
        return;
    }
  }

  private see(effect: Effect, { type, now }: Event): void {
    if (effect.type === "spawn") this.hire(effect, now, type === "try");
    if (effect.type === "exit") this.exited = true;
    if (says(effect, "READY=1")) this.announced = true;
    if (says(effect, "STOPPING=1")) this.stopping = true;
    if (!("process" in effect)) return;
    const worker = this.find(effect)!;
    if (effect.type === "release") worker.released = true;
    if (effect.type === "kill") worker.doomed = true;
    if (effect.type === "probe") worker.probe = effect.probe;
    if (effect.type !== "signal") return;
    if (effect.signal === "SIGABRT") worker.doomed = true;
    if (effect.signal === this.config.stopSignal) worker.toldAt ??= now;
  }

  private hire(effect: Extract<Effect, { type: "spawn" }>, startedAt: number, isTrial: boolean): void {
    const { generation, process, slot, release } = effect;
    this.all.set(`${generation}/${process}`, {
      ...{ generation, process, slot, release, startedAt, isTrial },
      probe: undefined,
      pid: undefined,
      isReady: false,
      toldAt: undefined,
      doomed: false,
      ended: false,
      released: false,
    });
  }
}
