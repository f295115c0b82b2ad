// The machine's shell: carries out its effects and feeds it what happens.

import { noteBlocking } from "../linux/sockets/blocking.js";
import type { SocketFiles } from "../linux/sockets/files.js";
import type { Config } from "../machine/config.js";
import type { Effect } from "../machine/effects.js";
import type { Event, Happening } from "../machine/events.js";
import { type Timer, timerKey } from "../machine/names.js";
import type { Outcome } from "../machine/outcome.js";
import { abortable, type Ended, type Generation, initialState, isIdle, type State, serving } from "../machine/state.js";
import { step } from "../machine/step.js";
import { name, refusalText } from "../machine/words.js";
import type { NativeError } from "../native/index.js";
import type { FdStore } from "../systemd/as-manager/fd-store.js";
import type { NotifyMessage } from "../systemd/as-manager/notify-message.js";
import type { Notifier } from "../systemd/as-service/notify.js";
import { GenerationProcess, type Launch } from "./generation.js";
import type { Log } from "./log.js";
import type { Outside } from "./outside.js";
import { type KillStrays, Strays } from "./strays.js";

// sysexits.h
const EX_UNAVAILABLE = 69;
const EX_OSERR = 71;

/** What the system lacks, as opposed to what is wrong with the command. */
const LACKING = new Set(["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"]);

/** setTimeout's longest time: 2³¹ − 1 ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

export interface SupervisorOptions {
  readonly config: Config;
  readonly launch: Launch;
  readonly outside: Outside;
  readonly notifier: Pick<Notifier, "send">;
  readonly store: FdStore;
  /** Those that were passed or bound. */
  readonly sockets: readonly number[];
  readonly files: Pick<SocketFiles, "note" | "putBack" | "putBackNames">;
  readonly killStrays: KillStrays;
  readonly log: Log;
  readonly stopOn: readonly NodeJS.Signals[];
  readonly reloadSignals: readonly NodeJS.Signals[];
  readonly passSignals: readonly NodeJS.Signals[];
  /** Called last; ends the process. */
  readonly exit: (status: number) => void;
}

/** `generation` serves, or `error` says why not, and `outcome` how the one ended that failed. */
export interface ReloadResult {
  readonly generation: Generation | Ended | null;
  readonly error: string | null;
  readonly outcome: Outcome | null;
}

export class Supervisor {
  private current = initialState;
  /** By processKey(). */
  private readonly processes = new Map<string, GenerationProcess>();
  private readonly strays: Strays;
  private readonly blockAsReceived: () => void;
  /** For each process, by processKey(): makes the sockets block as they did before it was started. */
  private readonly blockAsBefore = new Map<string, () => void>();
  /** What clears each that is set, by timerKey(). */
  private readonly timers = new Map<string, () => void>();
  private readonly queue: Event[] = [];
  private stepping = false;
  private readonly followers = new Set<() => void>();
  private readonly askers = new Map<number, (result: ReloadResult) => void>();
  private lastAsker = 0;

  constructor(private readonly options: SupervisorOptions) {
    const { sockets, killStrays, launch, log, outside } = options;
    this.blockAsReceived = noteBlocking(sockets);
    this.strays = new Strays(sockets, killStrays, this.processes, launch.environment, log, outside);
  }

  start(): void {
    const { reloadSignals, stopOn, passSignals, outside } = this.options;
    const on = (signal: NodeJS.Signals, event: Happening) => outside.onSignal(signal, () => this.happened(event));
    for (const signal of reloadSignals) on(signal, { type: "reload", asker: null, since: null, replace: false });
    for (const signal of stopOn) on(signal, { type: "stop", signal });
    for (const signal of passSignals) on(signal, { type: "pass", signal });
    this.ignoreOtherUserSignals();
    if (this.options.config.pid === 1) outside.onSignal("SIGCHLD", () => this.reapOrphans());
    this.happened({ type: "start" });
  }

  get state(): State {
    return this.current;
  }

  /** The cgroup of that process, as /proc/PID/cgroup has it; undefined when it has none of its own. */
  cgroupOf(generation: number, slot: number): string | undefined {
    return this.processes.get(processKey(generation, slot))?.cgroup?.path;
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
   * @returns its outcome, when there is one
   */
  reload(since: number | null, replace: boolean): Promise<ReloadResult> {
    const asker = ++this.lastAsker;
    return new Promise(resolve => {
      this.askers.set(asker, resolve);
      this.happened({ type: "reload", asker, since, replace });
    });
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
    }
    this.stepping = false;
    const { outside } = this.options;
    // By a timer, because Node lets libuv wake up once more for timers that were cleared, unless a later one was sooner.
    if (isIdle(this.current) && !wasIdle && !this.strays.isLooking) outside.after(1, outside.releaseMemory);
  }

  private handle(event: Event): void {
    const before = this.current;
    const [state, effects] = step(before, event, this.options.config);
    this.current = state;
    const promoted = serving(state);
    // Before its predecessor is told to stop.
    if (promoted && promoted.number !== serving(before)?.number) this.attempt(() => this.promoted(promoted.number));
    for (const effect of effects) this.attempt(() => this.perform(effect));
    if (state !== before) for (const callback of this.followers) this.attempt(callback);
  }

  /** What fails unforeseen must keep us from nothing else: the state goes on from what was decided. */
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
        return this.spawn(effect.generation, effect.slot);
      case "signal":
        return this.processOf(effect)?.signal(effect.signal as NodeJS.Signals);
      case "kill":
        return this.processOf(effect)?.kill();
      case "release":
        return this.release(effect.generation, effect.slot);
      case "set-timer": {
        const { type: _, at, ...timer } = effect;
        return this.setTimer(timer, at);
      }
      case "clear-timer":
        return this.clear(timerKey(effect));
      case "notify":
        return this.options.notifier.send(effect.assignments);
      case "log":
        return this.options.log(effect.priority, effect.text);
      case "result":
        return this.answer(effect);
      case "exit":
        this.attempt(() => this.strays.finish());
        return this.options.exit(effect.status);
    }
  }

  /** What it has done to the sockets' files until it became ready it means to, but for the end of one of them. */
  private promoted(number: number): void {
    this.options.files.putBackNames(`generation ${number} became ready`);
    this.options.files.note();
  }

  private processOf({ generation, slot }: { generation: number; slot: number }): GenerationProcess | undefined {
    return this.processes.get(processKey(generation, slot));
  }

  private spawn(number: number, slot: number): void {
    const about = { generation: number, slot };
    const key = processKey(number, slot);
    // There may be something to say of it before it is there.
    let generation: GenerationProcess | undefined;
    try {
      if (!serving(this.current)) this.blockAsReceived();
      // Changed by whoever isn't a generation: one that drains may just now spoil it.
      if (this.processes.size <= 1) this.options.files.note();
      const blockAsBefore = noteBlocking(this.options.sockets);
      generation = new GenerationProcess(
        number,
        {
          onMessage: (message, fds) => this.heard(generation!, about, message, fds),
          onReady: () => this.happened({ type: "ready", ...about, posthumous: generation!.hasEnded }),
          onDying: () => this.happened({ type: "dying", ...about }),
          onExit: end => this.happened({ type: "exited", ...about, end }),
          onProblem: what => this.options.log("warning", `${nameOf(number, generation)}: ${what}`),
        },
        this.options.launch,
        this.options.outside,
      );
      this.processes.set(key, generation);
      this.blockAsBefore.set(key, blockAsBefore);
      this.happened({ type: "spawned", ...about, pid: generation.pid });
    } catch (error) {
      const { code, message } = error as NativeError;
      const exitStatus = LACKING.has(code) ? EX_OSERR : EX_UNAVAILABLE;
      this.happened({ type: "spawn-failed", ...about, error: message, exitStatus });
    }
  }

  private heard(
    generation: GenerationProcess,
    about: { generation: number; slot: number },
    message: NotifyMessage,
    fds: readonly number[],
  ): void {
    const { store, remove, problem, unheeded = [], ...notification } = message;
    if (remove !== undefined) this.options.store.remove(remove);
    if (store) this.options.store.add(fds, store.name, store.poll, (kind, what) => generation.complain(kind, what));
    if (problem !== undefined) generation.complain(problem.split("=", 1)[0]!, problem);
    if (unheeded.length > 0) {
      const text = `${nameOf(about.generation, generation)} sent ${unheeded.join(" ")}: that is for zerodown alone`;
      this.options.log("debug", text);
    }
    if (Object.keys(notification).length === 0) return;
    this.happened({ type: "notified", ...about, ...notification, posthumous: generation.hasEnded });
  }

  private answer({ askers, generation, problem }: Extract<Effect, { type: "result" }>): void {
    const error = problem && refusalText(problem);
    const outcome = problem && "outcome" in problem ? problem.outcome : null;
    for (const asker of askers) {
      this.askers.get(asker)?.({ generation, error, outcome });
      this.askers.delete(asker);
    }
  }

  private release(number: number, slot: number): void {
    const key = processKey(number, slot);
    const generation = this.processes.get(key);
    this.processes.delete(key);
    // It failed, and may have left the sockets non-blocking to one that serves and waits in accept(2).
    if ((serving(this.current)?.number ?? number) < number) this.blockAsBefore.get(key)?.();
    this.blockAsBefore.delete(key);
    if (!generation) return;
    generation.release();
    this.attempt(() => this.options.files.putBack(`generation ${number} had ended`));
    this.attempt(() => this.strays.look());
    // Its main process may have stood in front of orphans that ended.
    if (this.options.config.pid === 1) this.reapOrphans();
  }

  /** A container's init gets every process whose parent ended, and nobody else waits for them. */
  private reapOrphans(): void {
    const own = [...this.processes.values()].map(({ unreaped }) => unreaped).filter(pid => pid !== undefined);
    this.options.outside.reapOrphans(own);
  }

  private setTimer(timer: Timer, at: number): void {
    const key = timerKey(timer);
    this.clear(key);
    const wait = Math.min(Math.ceil((at - this.now()) / 1e3), LONGEST_TIMER);
    const fire = () => {
      // What it has said in time may wait to be read. That may set the timer again.
      if ("generation" in timer) this.attempt(() => this.listen(timer.generation));
      if (this.timers.get(key) !== clear) return;
      this.timers.delete(key);
      if (this.now() < at) this.setTimer(timer, at);
      else this.happened({ type: "timer", ...timer });
    };
    const clear = this.options.outside.after(wait, fire);
    this.timers.set(key, clear);
  }

  /** To what the processes of a generation have said already. */
  private listen(number: number): void {
    const generation = this.current.generations.find(generation => generation.number === number);
    for (const { slot } of generation?.processes ?? []) this.processOf({ generation: number, slot })?.listen();
  }

  private clear(key: string): void {
    this.timers.get(key)?.();
    this.timers.delete(key);
  }

  /** Left alone, SIGUSR1 would open Node's debugger in the supervisor and SIGUSR2 would end it. */
  private ignoreOtherUserSignals(): void {
    const { stopOn, reloadSignals, passSignals, log, outside } = this.options;
    for (const signal of ["SIGUSR1", "SIGUSR2"] as const) {
      if ([...stopOn, ...reloadSignals, ...passSignals].includes(signal)) continue;
      outside.onSignal(signal, () =>
        log("notice", `${signal} ignored: --pass-signal ${signal} would pass it on to the app`),
      );
    }
  }
}

function processKey(generation: number, slot: number): string {
  return `${generation}/${slot}`;
}

function nameOf(number: number, generation: GenerationProcess | undefined): string {
  return name({ number, pids: generation ? [generation.pid] : [] });
}
