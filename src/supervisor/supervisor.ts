// The machine's shell: carries out its effects and feeds it what happens.

import { type Blocking, noteBlocking, restoreBlocking } from "../linux/sockets/blocking.js";
import { howToStart } from "../machine/boot.js";
import type { Effect } from "../machine/effects.js";
import type { Address, Event, Happening, ReloadRequest } from "../machine/events.js";
import { isIrreplaceable, keptReleases, rollbackRelease } from "../machine/releases.js";
import { abortable, findActor, initialState, isIdle, type State, serving, timersOf } from "../machine/state.js";
import { step } from "../machine/step.js";
import { nameAt } from "../machine/words.js";
import type { NativeError } from "../native/index.js";
import type { NotifyMessage } from "../systemd/as-manager/notify-message.js";
import { Acceptance } from "./acceptance.js";
import { Askers, type ReloadResult } from "./askers.js";
import { OwnListeners } from "./elsewhere.js";
import { addressIn, GenerationProcess, type Listener, processKey } from "./generation.js";
import { Handover } from "./handover.js";
import { hear } from "./hear.js";
import { exitStatusOf } from "./launch.js";
import type { SavedSupervisor, SupervisorOptions } from "./options.js";
import { Probes } from "./probes.js";
import { type Release, Releases } from "./release.js";
import { whyNoMore } from "./room.js";
import { takeSignals } from "./signals.js";
import { Strays } from "./strays.js";
import { Timers } from "./timers.js";

export class Supervisor {
  private current = initialState;
  /** The processes of generations, by processKey(). */
  private readonly processes = new Map<string, GenerationProcess>();
  readonly releases: Releases;
  private readonly strays: Strays;
  /** Says which sockets blocked when they were received. */
  private blockingAsReceived: Blocking;
  /** Says which blocked before each process was started, by processKey(). */
  private readonly blockingBefore = new Map<string, Blocking>();
  private readonly timers: Timers;
  private readonly acceptance: Acceptance;
  private readonly ownListeners: OwnListeners;
  private readonly probes: Probes;
  private readonly handover = new Handover(this);
  private readonly queue: Event[] = [];
  private stepping = false;
  private readonly followers = new Set<() => void>();
  readonly askers = new Askers();

  constructor(private readonly options: SupervisorOptions) {
    const { sockets, listening, killStrays, launch, log, outside } = options;
    this.blockingAsReceived = noteBlocking(sockets);
    this.releases = new Releases(launch);
    this.strays = new Strays(sockets, killStrays, this.processes, launch.environment, log, outside);
    const happened = (event: Happening) => this.happened(event);
    this.ownListeners = new OwnListeners(this.processes, log, outside);
    this.acceptance = new Acceptance(listening, outside, () => this.current, happened);
    this.probes = new Probes(this, options, happened);
    this.timers = new Timers(
      outside,
      // What a process has said in time may wait to be read. That may set the timer again.
      timer => "generation" in timer && this.attempt(() => this.listen(timer.generation)),
      timer => happened({ type: "timer", ...timer }),
    );
  }

  start(): void {
    this.takeSignals();
    this.releases.remembered = this.options.lastGood.read();
    this.happened({ type: "start", remembers: this.releases.remembered !== undefined });
  }

  /** Goes on, in the place of start(), where another supervisor has stopped. */
  adopt(saved: SavedSupervisor): void {
    const { state, lastAsker, releases, blockingAsReceived, strays, looks, probes, processes } = saved;
    this.takeSignals();
    this.releases.adopt(releases);
    this.current = state;
    this.askers.last = lastAsker;
    this.blockingAsReceived = blockingAsReceived;
    for (const { about, saved, blockingBefore } of processes)
      this.keep(about, GenerationProcess.adopt(saved, this.listenerOf(about), this.options.outside), blockingBefore);
    this.handover.adopt(state);
    for (const timer of timersOf(state)) this.timers.set(timer);
    for (const look of looks) this.acceptance.begin(look, this.processOf(look)!);
    this.strays.adopt(strays);
    this.probes.adopt(probes);
  }

  /** Between two events. */
  save(): SavedSupervisor {
    const { current: state, blockingAsReceived } = this;
    const processes = [...this.processes].map(([key, process]) => {
      return { about: addressIn(key), saved: process.save(), blockingBefore: this.blockingBefore.get(key)! };
    });
    const [lastAsker, releases, strays] = [this.askers.last, this.releases.save(), this.strays.save()];
    const [looks, probes] = [this.acceptance.save(), this.probes.save()];
    return { state, lastAsker, releases, blockingAsReceived, strays, looks, probes, processes };
  }

  private takeSignals(): void {
    const state = () => this.current;
    takeSignals(this.options, state, event => this.happened(event));
    if (this.options.config.pid === 1) this.options.outside.onSignal("SIGCHLD", () => this.reapOrphans());
  }

  get state(): State {
    return this.current;
  }

  /** The clock of all times in the state: µs of CLOCK_MONOTONIC. */
  now(): number {
    return this.options.outside.now();
  }

  /**
   * Starts the next generation.
   *
   * @param since when that was wanted, null for now: see ReloadRequest
   * @param replace whether to abort a candidate that is in the way
   * @param same whether to start the code again that serves now
   * @returns its outcome, when there is one
   */
  reload(since: number | null, replace: boolean, same = false): Promise<ReloadResult> {
    return this.request({ since, replace, same, release: null });
  }

  /**
   * Starts what served before again: see rollbackRelease().
   *
   * @throws {NoReleaseError} when there is nothing, or it is gone
   */
  rollback(replace: boolean): Promise<ReloadResult> {
    const release = rollbackRelease(this.current);
    if (this.current.phase === "running") this.releases.checkRollback(release);
    return this.request({ since: null, replace, same: false, release });
  }

  private request(request: Omit<ReloadRequest, "asker">): Promise<ReloadResult> {
    return this.askers.ask(asker => this.happened({ type: "reload", asker, ...request }));
  }

  /** Starts what is on disk without the sockets, and ends it when it is ready. @returns what came of it */
  tryOut(): Promise<ReloadResult> {
    return this.askers.ask(asker => this.happened({ type: "try", asker }));
  }

  /** @returns the outcome, when that many workers serve, or one of them has failed, or there is no room for them */
  scale(workers: number): Promise<ReloadResult> {
    const error = whyNoMore(workers, this.current, this.options);
    if (error !== undefined) return Promise.resolve({ error, generation: null, outcome: null, pid: null });
    return this.askers.ask(asker => this.happened({ type: "scale", asker, workers }));
  }

  /** Aborts the candidate that is starting. @returns its number, undefined when there is none */
  cancel(): number | undefined {
    const starting = abortable(this.current);
    if (starting) this.happened({ type: "cancel" });
    return starting?.number;
  }

  stop(): void {
    this.happened({ type: "stop", signal: "Stop" });
  }

  /** That process uses that many bytes, more than it may. */
  overLimit(about: Address, memory: number): void {
    this.happened({ type: "over-limit", ...about, memory });
  }

  /** Calls back after every change. @returns what ends that */
  follow(callback: () => void): () => void {
    this.followers.add(callback);
    return () => this.followers.delete(callback);
  }

  private happened(event: Happening): void {
    this.queue.push({ ...event, now: this.now() } as Event);
    if (this.stepping) return;
    this.stepping = true;
    const wasIdle = isIdle(this.current);
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      const event = next;
      this.attempt(() => this.handle(event));
      if (event.type === "unseen") this.attempt(() => this.ownListeners.look(event.generation));
    }
    this.stepping = false;
    const { outside } = this.options;
    // By a timer: Node lets libuv wake up once more for timers that were cleared, unless a later one was sooner.
    const isLooking = this.strays.isLooking || this.acceptance.isLooking;
    if (isIdle(this.current) && !wasIdle && !isLooking) outside.after(1, outside.releaseMemory);
  }

  private handle(event: Event): void {
    const before = this.current;
    const [state, effects] = step(before, event, this.options.config);
    this.current = state;
    const promoted = serving(state);
    // This comes before its predecessor is told to stop.
    if (promoted && promoted.number !== serving(before)?.number) this.attempt(() => this.promoted(promoted.number));
    for (const effect of effects) this.attempt(() => this.perform(effect));
    this.probes.heed();
    if (state !== before) for (const callback of this.followers) this.attempt(callback);
  }

  /** An unexpected error must not stop the remaining effects: the state goes on from what was decided. */
  private attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.options.log("err", `internal error, going on: ${(error as Error).stack}`);
    }
  }

  private perform(effect: Effect): void {
    switch (effect.type) {
      case "spawn":
        return this.spawn(effect);
      case "signal":
        return this.handover.signal(effect, this.current);
      case "kill":
        return this.processOf(effect)?.kill();
      case "weigh":
        return this.processOf(effect)?.weigh(effect.weight);
      case "release":
        return this.release(effect);
      case "look":
        return this.acceptance.begin(effect, this.processOf(effect)!);
      case "probe":
        return this.probes.begin(effect);
      case "leave":
        return this.probes.leave(effect);
      case "set-timer": {
        const { type: _, ...timer } = effect;
        return this.timers.set(timer);
      }
      case "clear-timer":
        return this.timers.clear(effect);
      case "remember":
        return this.options.lastGood.write(this.releases.get(effect.release)!);
      case "notify":
        return this.options.notifier.send(effect.assignments);
      case "log":
        return this.options.log(effect.priority, effect.text, effect.news);
      case "result":
        return this.askers.answer(effect);
      case "exit":
        this.attempt(() => this.strays.finish());
        return this.options.exit(effect.status);
    }
  }

  /** The generation meant what it did to the sockets' files before it became ready, unless it removed one of them. */
  private promoted(number: number): void {
    this.options.files.putBackNames(`generation ${number} became ready`);
    this.options.files.note();
    this.ownListeners.look(number);
  }

  processOf(address: Address): GenerationProcess | undefined {
    return this.processes.get(processKey(address));
  }

  private spawn({ type: _, release, ...start }: Extract<Effect, { type: "spawn" }>): void {
    const about = { generation: start.generation, process: start.process };
    const { config, sockets, files, launch, outside } = this.options;
    const listener = this.listenerOf(about);
    try {
      if (!serving(this.current)) restoreBlocking(this.blockingAsReceived);
      // Changed by whoever isn't a generation: one that drains may just now spoil it.
      if (this.processes.size <= 1) files.note();
      const blockingBefore = noteBlocking(sockets);
      const how = howToStart(this.current, about, config.bootWeight);
      const find = () => this.findRelease(start.generation, release, listener.onProblem);
      const process = GenerationProcess.start({ ...start, ...how, release: find }, listener, launch, outside);
      this.keep(about, process, blockingBefore);
      this.happened({ type: "spawned", ...about, pid: process.pid });
    } catch (caught) {
      const error = caught as NativeError;
      this.happened({ type: "spawn-failed", ...about, error: error.message, exitStatus: exitStatusOf(error) });
    }
  }

  private findRelease(generation: number, number: number, onProblem: (what: string) => void): Release {
    const release = this.releases.find(number, onProblem, isIrreplaceable(this.current, generation));
    const known = this.releases.recognize(number);
    if (known !== number) this.happened({ type: "recognized", generation, release: known });
    return release;
  }

  private keep(about: Address, process: GenerationProcess, blockingBefore: Blocking): void {
    const key = processKey(about);
    this.processes.set(key, process);
    this.blockingBefore.set(key, blockingBefore);
  }

  private listenerOf(about: Address): Listener {
    return {
      onMessage: (message, fds) => this.heard(about, message, fds),
      onReady: () => this.happened({ type: "ready", ...about, posthumous: this.processOf(about)!.hasEnded }),
      onDying: () => this.happened({ type: "dying", ...about }),
      onExit: end => this.happened({ type: "exited", ...about, end }),
      // There may be something to say of a process before it is there.
      onProblem: what => this.options.log("warning", `${this.nameOf(about)}: ${what}`),
    };
  }

  private heard(about: Address, message: NotifyMessage, fds: readonly number[]): void {
    const process = this.processOf(about)!;
    const actor = findActor(this.current, about.generation, about.process)!;
    const notification = hear(message, fds, { process, name: this.nameOf(about), actor }, this.options);
    if (notification) this.happened({ type: "notified", ...about, ...notification, posthumous: process.hasEnded });
  }

  private nameOf(about: Address): string {
    return nameAt(this.current, about, this.processOf(about)?.pid);
  }

  private release(about: Address): void {
    const [number, key, process] = [about.generation, processKey(about), this.processOf(about)];
    // What there is to say of its release names it.
    process?.release();
    this.processes.delete(key);
    this.acceptance.end(about);
    // The failed one may have made the sockets non-blocking, for the one that serves and waits in accept(2), too.
    if ((serving(this.current)?.number ?? number) < number) restoreBlocking(this.blockingBefore.get(key) ?? []);
    this.blockingBefore.delete(key);
    this.releases.keep(keptReleases(this.current));
    if (!process) return;
    this.attempt(() => this.options.files.putBack(`generation ${number} had ended`));
    this.attempt(() => this.strays.look());
    // Orphans that ended may have waited behind this main process to be collected.
    if (this.options.config.pid === 1) this.reapOrphans();
  }

  /** A container's init gets every process whose parent ended, and nobody else waits for them. */
  private reapOrphans(): void {
    const own = [...this.processes.values()].map(({ unreaped }) => unreaped).filter(pid => pid !== undefined);
    this.options.outside.reapOrphans([...own, ...this.probes.unreaped, ...this.options.unreaped()]);
  }

  /** Reads what the processes of a generation have said already. */
  private listen(number: number): void {
    for (const [key, process] of this.processes) if (addressIn(key).generation === number) process.listen();
  }
}
