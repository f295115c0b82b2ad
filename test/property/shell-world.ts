// The world around the supervisor's shell: a clock that a test sets, and children that aren't processes. Notify sockets,
// ready pipes and the fd store between them and the shell are real. An observer is told what the shell does to this world.

import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import type { Notification } from "../../src/machine/events.js";
import type { End } from "../../src/machine/outcome.js";
import { native, SOCK_DGRAM, type SpawnOptions } from "../../src/native/index.js";
import type { ReloadResult } from "../../src/supervisor/askers.js";
import type { Outside } from "../../src/supervisor/outside.js";
import { Supervisor } from "../../src/supervisor/supervisor.js";
import type { PassedFd } from "../../src/systemd/as-service/listen-fds.js";
import { missedBy } from "./same-timers.js";
import { ScriptedCgroup } from "./scripted-cgroup.js";
import {
  type Child,
  type Fact,
  hangUp,
  isEnding,
  isRunning,
  newChild,
  type Setting,
  type ShellAction,
  slotOf,
  textOf,
  vanish,
} from "./shell-child.js";
import { ShellChildren } from "./shell-children.js";
import { ShellClock } from "./shell-clock.js";
import { MOST_UNREAD, newStore, SAME_REQUEST, STORE_MAX, shellOptions } from "./shell-options.js";

export class ShellWorld implements Outside {
  readonly sockets: readonly PassedFd[] = ["web", "admin", "web"].map((name, index) => ({ fd: index, name }));
  /** The names of what is stored, in order: each ends with the slot of the worker that stored it. */
  readonly stored: string[] = [];
  supervisor: Supervisor;
  /** Those who wait for a result, and since when a reload may have begun that answers them. */
  readonly asks = new Map<number, number>();
  exited = false;
  /** Somebody pressed Ctrl-C while it stopped. */
  interrupted = false;
  /** Somebody just now aborts the candidate. */
  isCancelling = false;
  private store = newStore();
  private readonly clock: ShellClock;
  readonly children: ShellChildren;
  private readonly watches = new Map<number, () => void>();
  private readonly signals = new Map<string, () => void>();
  private lastStored = 0;

  constructor(
    readonly setting: Setting,
    private readonly directory: string,
    private readonly observe: (fact: Fact) => void,
  ) {
    this.clock = new ShellClock(setting.lateness);
    this.children = new ShellChildren(setting, this.clock);
    this.supervisor = this.newSupervisor();
  }

  private newSupervisor(): Supervisor {
    const { setting, directory, observe, store } = this;
    return new Supervisor(shellOptions(this, { setting, directory, observe, store }));
  }

  get time(): number {
    return this.clock.time;
  }

  /** How many timers are set; the one that only tidies up doesn't count. */
  get timersSet(): number {
    return this.clock.without(this.releaseMemory).length;
  }

  get fdsWatched(): number {
    return this.watches.size;
  }

  // ── The door ───────────────────────────────────────────────────────────────────────────────────────────────────────

  now = () => this.time;

  after = (milliseconds: number, callback: () => void) => {
    const timer = this.clock.set(milliseconds, callback);
    const { ready, readyDelay } = this.setting.config;
    const newest = this.children.all.at(-1);
    if (ready === "delay" && newest && milliseconds * 1e3 === readyDelay) newest.delay ??= timer;
    return () => this.clock.clear(timer);
  };

  lookForWaiting = () => ({ sockets: new Set<never>(), hidden: [], obstacles: new Set<string>() });

  listensElsewhere = () => ({ addresses: [], migrates: undefined });

  whatLacks = () => undefined;
  isUnhandled = () => false;

  onSignal = (signal: string, callback: () => void) => void this.signals.set(signal, callback);

  afterSignals = (callback: () => void) => callback;

  kill = (pid: number, signal: NodeJS.Signals) => {
    const child = this.children.all.find(other => other.pid === Math.abs(pid))!;
    if (child.state === "dying" || child.state === "gone") {
      return this.observe({ did: "wrong", what: `${signal} to pid ${pid}, which may be another's by now` });
    }
    if (pid < 0) {
      this.observe({ did: "kill", child });
      this.children.killed(child, this.isCancelling);
    } else {
      this.observe({ did: "signal", child, signal });
      this.children.signalled(child, signal);
    }
  };

  spawn = ({ environment, pidVariables, fds, cgroup }: SpawnOptions) => {
    const variables = new Map(environment.map(line => line.split(/=(.*)/s) as [string, string]));
    const number = Number(variables.get("ZERODOWN_GENERATION"));
    const fate = this.setting.fates[(number - 1) % this.setting.fates.length]!;
    if (fate.fails) {
      this.observe({ did: "spawn", number, child: undefined });
      throw Object.assign(new Error("ENOENT: no such file or directory, execve 'app'"), { code: "ENOENT" });
    }
    // The descriptors that the shell began to watch last are this child's.
    const [listener, reader] = [...this.watches.keys()].slice(variables.has("ZERODOWN_READY_FD") ? -2 : -1);
    const child = newChild({
      number,
      pid: this.children.nextPid(),
      pidfd: openSync("/dev/null", "r"),
      fate,
      startedAt: this.time,
      variables,
      pidVariables,
      fds,
      cgroup: ScriptedCgroup.byFile(cgroup),
      notify: native.connectUnix(SOCK_DGRAM, variables.get("NOTIFY_SOCKET")!),
      ready: variables.has("ZERODOWN_READY_FD") ? native.duplicate(fds.at(-1)!) : undefined,
      listener: listener!,
      onNotify: () => this.watches.get(listener!)!(),
      onReady: () => this.watches.get(reader!)!(),
      readyAt: this.setting.config.ready === "exec" ? this.time : undefined,
      readyOrder: this.children.nextOrder(),
    });
    if (child.cgroup) child.cgroup.child = child;
    this.children.all.push(child);
    this.observe({ did: "spawn", number, child });
    return { pid: child.pid, pidfd: child.pidfd };
  };

  /** Only PID 1 gets orphans. */
  reapOrphans = () => {};

  reap = (pidfd: number) => {
    const child = this.children.all.find(other => other.pidfd === pidfd && other.state !== "gone")!;
    if (child.state !== "zombie") return null;
    child.state = child.cgroup && child.fate.leaves ? "dying" : "gone";
    this.observe({ did: "reap", child });
    return { status: 0, signal: 0, ...child.end };
  };

  readable = (pidfd: number) => !this.children.all.some(child => child.pidfd === pidfd && isRunning(child));

  watch = (fd: number, _: boolean, callback: (status: number) => void) => {
    this.watches.set(fd, () => callback(0));
    return () => {
      // The addon's contract is that a watch ends before its descriptor is closed.
      fstatSync(fd);
      this.watches.delete(fd);
    };
  };

  releaseMemory = () => {};

  // ── What happens ───────────────────────────────────────────────────────────────────────────────────────────────────

  act(action: ShellAction): void {
    if (this.exited) return;
    switch (action.do) {
      case "wait":
        return this.wait(action.microseconds);
      case "wait for a timer":
        return this.wait(this.clock.untilNext);
      case "answer a spawn":
        return this.read();
      case "say":
        return this.say(this.children.pick(action.who, isRunning), action.message);
      case "store":
        return this.keep(this.children.pick(action.who, isRunning));
      case "babble":
        return this.send(this.children.pick(action.who, isRunning), action.text);
      case "write a newline":
        return this.writeNewline(this.children.pick(action.who, isRunning));
      case "end":
        return this.end(this.children.pick(action.who, isRunning), action.end);
      case "obey":
        return this.obey(this.children.pick(action.who, isEnding));
      case "reload":
        return action.asks ? this.ask(action.age, action.replaces) : this.signal("SIGHUP");
      case "scale":
        return void this.supervisor.scale(action.workers);
      case "cancel":
        this.isCancelling = true;
        this.supervisor.cancel();
        this.isCancelling = false;
        return;
      case "stop":
        return this.signal(action.signal);
      case "pass":
        return this.signal("SIGUSR1");
      case "take over":
        return this.takeOver();
    }
  }

  /** A stop, and every deadline passes; with an infinite one, Ctrl-C ends the wait. */
  stop(): void {
    this.act({ do: "stop", signal: "SIGTERM" });
    if (this.setting.config.stopTimeout === Number.POSITIVE_INFINITY) this.act({ do: "stop", signal: "SIGINT" });
    for (const microseconds of [1e6, 10e6, 100e6, 100e6]) this.act({ do: "wait", microseconds });
  }

  /** Closes what is open on this side of the door. Where a rule was broken, it closes the other side's, too. */
  close(): void {
    for (const fd of this.watches.keys()) closeSync(fd);
    for (const child of this.children.all) if (isRunning(child)) hangUp(child);
    for (const name of this.stored) this.store.remove(name);
  }

  signal(name: string): void {
    this.interrupted ||= name === "SIGINT" && this.supervisor.state.phase === "ending";
    this.signals.get(name)!();
  }

  /** The supervisor executes itself again: it writes down what it knows, and all that is left of it are its descriptors. */
  private takeOver(): void {
    const saved = JSON.stringify([this.supervisor.save(), this.store.save()]);
    const before = this.clock.without(this.releaseMemory);
    // Timers that are due at the same time couldn't be told apart afterwards.
    if (new Set(before.map(({ at }) => at)).size < before.length) return;
    const watched = [...this.watches.keys()];
    this.clock.clearAll();
    for (const map of [this.watches, this.signals]) map.clear();
    for (const { cgroup } of this.children.all) if (cgroup) cgroup.onEmpty = undefined;
    const [supervisor, stored] = JSON.parse(saved);
    this.store = newStore();
    this.store.adopt(stored);
    this.supervisor = this.newSupervisor();
    this.supervisor.adopt(supervisor);
    for (const asker of this.asks.keys()) this.await(asker, this.supervisor.askers.await(asker));
    this.observe({ did: "take over" });
    for (const what of missedBy(this.clock.without(this.releaseMemory), before, this.children.all))
      this.observe({ did: "wrong", what });
    for (const fd of watched) {
      if (!this.watches.has(fd)) this.observe({ did: "wrong", what: `descriptor ${fd} is watched no more` });
    }
  }

  private ask(age: number | null, replaces: boolean): void {
    const since = age === null ? null : this.time - age;
    const earliest = since === null ? this.time : since - SAME_REQUEST;
    this.isCancelling = replaces;
    const outcome = this.supervisor.reload(since, replaces);
    this.isCancelling = false;
    this.asks.set(this.supervisor.askers.last, earliest);
    this.await(this.supervisor.askers.last, outcome);
  }

  private await(asker: number, outcome: Promise<ReloadResult>): void {
    void outcome.then(result => {
      this.observe({ did: "answer", earliest: this.asks.get(asker)!, result });
      this.asks.delete(asker);
    });
  }

  private say(child: Child | undefined, message: Notification): void {
    if (!child) return;
    const isNews = this.children.said(child, message);
    this.send(child, textOf(message));
    child.readyUnread ||= isNews && child.unread > 0;
  }

  private keep(child: Child | undefined): void {
    if (!child) return;
    const name = `stored-${++this.lastStored}-by-${slotOf(child)}`;
    const fd = openSync("/dev/null", "r");
    this.send(child, `FDSTORE=1\nFDNAME=${name}\nFDPOLL=0`, [fd]);
    closeSync(fd);
    this.deliver(child);
    if (this.stored.length < STORE_MAX) this.stored.push(name);
  }

  private send(child: Child | undefined, text: string, fds: readonly number[] = []): void {
    if (!child) return;
    native.send(child.notify, text, fds);
    child.unread++;
    if (!child.fate.late || child.unread >= MOST_UNREAD) this.deliver(child);
  }

  private deliver(child: Child): void {
    this.children.wasRead(child);
    child.onNotify();
  }

  private read(but?: Child): void {
    for (const child of this.children.all)
      if (child !== but && child.unread > 0 && isRunning(child)) this.deliver(child);
  }

  private writeNewline(child: Child | undefined): void {
    if (child?.ready === undefined) return;
    // The shell may read either of two descriptors first; here it hears first what was said first.
    this.deliver(child);
    this.children.becomeReady(child);
    writeSync(child.ready, "\n");
    child.onReady();
  }

  private obey(child: Child | undefined): void {
    if (child?.state === "dying") vanish(child);
    else this.end(child, child?.ending);
  }

  private end(child: Child | undefined, end: End | undefined): void {
    if (!child || !end) return;
    // The shell reads what others have said before it learns of the end; the child's own last words it reads after.
    this.read(child);
    this.children.ended(child, end);
    hangUp(child);
    // The pipe is at its end.
    if (child.ready !== undefined) child.onReady();
    this.watches.get(child.pidfd)!();
  }

  /** Children that were told to end do so; then the clock goes on, and timers fire when they are due. */
  private wait(microseconds: number): void {
    const end = this.time + microseconds;
    for (;;) {
      for (let child = this.children.pick(0, isEnding); child; child = this.children.pick(0, isEnding))
        this.obey(child);
      const timer = this.exited ? undefined : this.clock.takeNext(end);
      if (!timer) break;
      const due = this.children.all.find(({ delay }) => delay === timer);
      if (due) this.children.becomeReady(due);
      this.clock.fire(timer);
      this.children.heedReads();
      // libuv reads after the timers, too.
      this.read();
    }
    this.clock.time = end;
  }
}
