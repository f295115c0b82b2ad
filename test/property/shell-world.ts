// The world around the supervisor's shell: a clock, timers, and children that are no processes. What lies between the two is
// real: notify sockets, ready pipes, the fd store. What the shell does to this world is told to an observer.

import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { constants } from "node:os";
import type { Notification } from "../../src/machine/events.js";
import type { End } from "../../src/machine/outcome.js";
import { native, SOCK_DGRAM, type SpawnOptions } from "../../src/native/index.js";
import type { Outside } from "../../src/supervisor/outside.js";
import { Supervisor } from "../../src/supervisor/supervisor.js";
import { FdStore } from "../../src/systemd/as-manager/fd-store.js";
import type { PassedFd } from "../../src/systemd/as-service/listen-fds.js";
import { ScriptedCgroup } from "./scripted-cgroup.js";
import {
  type Child,
  type Fact,
  isRunning,
  newChild,
  type Setting,
  type ShellAction,
  type Timer,
} from "./shell-child.js";

const SIGKILL: End = { signal: 9, name: "SIGKILL" };
const SIGABRT: End = { signal: 6, name: "SIGABRT" };
/** The kernel queues only so many messages. */
const MOST_UNREAD = 8;
export const STORE_MAX = 6;
/** By how much a generation may be older than the request that it answers, µs. */
const SAME_REQUEST = 0.05e6;

export class ShellWorld implements Outside {
  time = 5e6;
  readonly children: Child[] = [];
  readonly sockets: readonly PassedFd[] = ["web", "admin", "web"].map((name, index) => ({ fd: index, name }));
  /** The names of what is stored, in order. */
  readonly stored: string[] = [];
  readonly supervisor: Supervisor;
  /** Those that wait for a result. */
  asking = 0;
  exited = false;
  /** Somebody pressed Ctrl-C while it stopped. */
  interrupted = false;
  /** Somebody just now aborts the candidate. */
  isCancelling = false;
  private readonly store = new FdStore(
    STORE_MAX,
    { storeFd() {}, hasStored() {}, hasLost() {}, removeFds() {} },
    () => {},
  );
  private readonly timers = new Set<Timer>();
  private readonly watches = new Map<number, () => void>();
  private readonly signals = new Map<string, () => void>();
  private isFiring = false;
  private order = 0;
  private lastPid = 100;
  private lastStored = 0;

  constructor(
    readonly setting: Setting,
    directory: string,
    private readonly observe: (fact: Fact) => void,
  ) {
    const { config, cgroups } = setting;
    this.supervisor = new Supervisor({
      config,
      launch: {
        command: ["app"],
        directory: "/",
        envFile: undefined,
        fileLimit: -1,
        ignoresSigpipe: false,
        environment: { LISTEN_FDS: "9", LISTEN_PID: "1", LISTEN_FDNAMES: "received" },
        fds: () => [...this.sockets, ...this.store.fds],
        fdstoreMax: STORE_MAX,
        cgroup: cgroups ? { create: number => new ScriptedCgroup(number, setting.hangs) } : undefined,
        ready: config.ready,
        stopSignal: config.stopSignal as NodeJS.Signals,
        runtimeDirectory: directory,
      },
      outside: this,
      notifier: { send: assignments => observe({ did: "tell", assignments }) },
      store: this.store,
      sockets: [],
      files: { note() {}, putBack() {}, putBackNames() {} },
      killStrays: "own",
      log: (priority, text) => observe({ did: "log", priority, text }),
      stopOn: ["SIGTERM", "SIGINT"],
      reloadSignals: ["SIGHUP"],
      passSignals: ["SIGUSR1"],
      exit: status => {
        this.exited = true;
        observe({ did: "exit", status });
      },
    });
  }

  /** Timers that are set, but for the one that only tidies up. */
  get timersSet(): number {
    return [...this.timers].filter(({ callback }) => callback !== this.releaseMemory).length;
  }

  get fdsWatched(): number {
    return this.watches.size;
  }

  // ── The door ───────────────────────────────────────────────────────────────────────────────────────────────────────

  now = () => this.time;

  after = (milliseconds: number, callback: () => void) => {
    const timer = { at: this.time + milliseconds * 1e3, callback };
    this.timers.add(timer);
    const { ready, readyDelay } = this.setting.config;
    const newest = this.children.at(-1);
    if (ready === "delay" && newest && milliseconds * 1e3 === readyDelay) newest.delay ??= timer;
    return () => void this.timers.delete(timer);
  };

  onSignal = (signal: string, callback: () => void) => void this.signals.set(signal, callback);

  kill = (pid: number, signal: NodeJS.Signals) => {
    const child = this.children.find(other => other.pid === Math.abs(pid))!;
    if (child.state === "dying" || child.state === "gone") {
      return this.observe({ did: "wrong", what: `${signal} to pid ${pid}, which may be another's by now` });
    }
    if (pid < 0) this.killed(child);
    else this.signalled(child, signal);
  };

  spawn = ({ environment, pidVariables, fds, cgroup }: SpawnOptions) => {
    const variables = new Map(environment.map(line => line.split(/=(.*)/s) as [string, string]));
    const number = Number(variables.get("ZERODOWN_GENERATION"));
    const fate = this.setting.fates[(number - 1) % this.setting.fates.length]!;
    if (fate.fails) {
      this.observe({ did: "spawn", number, child: undefined });
      throw Object.assign(new Error("ENOENT: no such file or directory, execve 'app'"), { code: "ENOENT" });
    }
    // What the shell has begun to watch last is this child's.
    const [notified, readied] = [...this.watches].slice(variables.has("ZERODOWN_READY_FD") ? -2 : -1);
    const [listener, onNotify] = notified!;
    const child = newChild({
      number,
      pid: ++this.lastPid,
      pidfd: openSync("/dev/null", "r"),
      fate,
      startedAt: this.time,
      variables,
      pidVariables,
      fds,
      cgroup: ScriptedCgroup.byFile(cgroup),
      notify: native.connectUnix(SOCK_DGRAM, variables.get("NOTIFY_SOCKET")!),
      ready: variables.has("ZERODOWN_READY_FD") ? native.duplicate(fds.at(-1)!) : undefined,
      listener,
      onNotify,
      onReady: () => readied?.[1](),
      readyAt: this.setting.config.ready === "exec" ? this.time : undefined,
      readyOrder: ++this.order,
    });
    if (child.cgroup) child.cgroup.child = child;
    this.children.push(child);
    this.observe({ did: "spawn", number, child });
    return { pid: child.pid, pidfd: child.pidfd };
  };

  /** Only PID 1 gets any. */
  reapOrphans = () => {};

  reap = (pidfd: number) => {
    const child = this.children.find(other => other.pidfd === pidfd && other.state !== "gone")!;
    if (child.state !== "zombie") return null;
    child.state = child.cgroup && child.fate.leaves ? "dying" : "gone";
    this.observe({ did: "reap", child });
    return { status: 0, signal: 0, ...child.end };
  };

  readable = (pidfd: number) => !this.children.some(child => child.pidfd === pidfd && isRunning(child));

  watch = (fd: number, _: boolean, callback: (status: number) => void) => {
    this.watches.set(fd, () => callback(0));
    return () => {
      // By the addon's contract that comes before the descriptor is closed.
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
        return this.wait(Math.max(0, this.nextTimer() + this.setting.lateness - this.time));
      case "answer a spawn":
        return this.read();
      case "say":
        return this.say(this.pick(action.who, isRunning), action.message);
      case "store":
        return this.keep(this.pick(action.who, isRunning));
      case "babble":
        return this.send(this.pick(action.who, isRunning), action.text);
      case "write a newline":
        return this.writeNewline(this.pick(action.who, isRunning));
      case "end":
        return this.end(this.pick(action.who, isRunning), action.end);
      case "obey":
        return this.obey(this.pick(action.who, isEnding));
      case "reload":
        return action.asks ? this.ask(action.age, action.replaces) : this.signal("SIGHUP");
      case "cancel":
        this.isCancelling = true;
        this.supervisor.cancel();
        this.isCancelling = false;
        return;
      case "stop":
        return this.signal(action.signal);
      case "pass":
        return this.signal("SIGUSR1");
    }
  }

  /** A stop, and every deadline passes; with an infinite one, Ctrl-C ends the wait. */
  stop(): void {
    this.act({ do: "stop", signal: "SIGTERM" });
    if (this.setting.config.stopTimeout === Number.POSITIVE_INFINITY) this.act({ do: "stop", signal: "SIGINT" });
    for (const microseconds of [1e6, 10e6, 100e6, 100e6]) this.act({ do: "wait", microseconds });
  }

  /** Closes what is open on this side of the door; and, where a rule was broken on the way, on the other. */
  close(): void {
    for (const fd of this.watches.keys()) closeSync(fd);
    for (const child of this.children) if (isRunning(child)) this.hangUp(child);
    for (const name of this.stored) this.store.remove(name);
  }

  /** It has become ready, that long ago; the shell need not have noticed. */
  isReady(child: Child, ago = 0): boolean {
    const { failed, readyAt = Number.POSITIVE_INFINITY, endedAt = this.time } = child;
    return !failed && readyAt + ago <= endedAt;
  }

  /** Another one serves beside it, and did when it became ready. */
  private settles(child: Child): boolean {
    const { settle } = this.setting.config;
    const old = this.predecessor(child);
    if (!old || child.readyAt === undefined || child.toldAt !== undefined) return false;
    // Before a timer does what it is for the shell reads what was said.
    const now = this.isFiring ? this.time - 1 : this.time;
    const isOver = settle === 0 || child.readyAt + settle + this.setting.lateness <= now;
    return !isOver && old.endOrder > child.readyOrder;
  }

  /** Who serves until it takes over: the newest before it that has become ready, unless it is gone or was told to stop. */
  private predecessor({ number }: Child): Child | undefined {
    const old = this.children.findLast(other => other.number < number && this.isReady(other));
    return old && old.state !== "gone" && old.toldAt === undefined ? old : undefined;
  }

  signal(name: string): void {
    this.interrupted ||= name === "SIGINT" && this.supervisor.state.phase === "ending";
    this.signals.get(name)!();
  }

  private ask(age: number | null, replaces: boolean): void {
    const since = age === null ? null : this.time - age;
    const earliest = since === null ? this.time : since - SAME_REQUEST;
    this.asking++;
    this.isCancelling = replaces;
    const outcome = this.supervisor.reload(since, replaces);
    this.isCancelling = false;
    void outcome.then(result => {
      this.asking--;
      this.observe({ did: "answer", earliest, result });
    });
  }

  private say(child: Child | undefined, message: Notification): void {
    if (!child) return;
    const { ready, status, stopping, extend, reported, watchdog, watchdogTimeout } = message;
    const lines = [
      ready && "READY=1",
      status !== undefined && `STATUS=${status}`,
      stopping && "STOPPING=1",
      extend !== undefined && `EXTEND_TIMEOUT_USEC=${extend}`,
      reported && "ERRNO=2",
      watchdog && `WATCHDOG=${watchdog === "ping" ? 1 : watchdog}`,
      watchdogTimeout !== undefined &&
        `WATCHDOG_USEC=${Number.isFinite(watchdogTimeout) ? watchdogTimeout : 2n ** 64n - 1n}`,
    ];
    child.watched ||= watchdog !== undefined || watchdogTimeout !== undefined;
    child.triggered ||= watchdog === "trigger";
    const wasReady = child.readyAt !== undefined;
    if (ready && this.setting.config.ready === "notify") this.becomeReady(child);
    this.send(child, lines.filter(Boolean).join("\n"));
    child.readyUnread ||= !wasReady && child.readyAt !== undefined && child.unread > 0;
  }

  private keep(child: Child | undefined): void {
    if (!child) return;
    const name = `stored-${++this.lastStored}`;
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
    this.wasRead(child);
    child.onNotify();
  }

  /** That it is ready counts from now on. */
  private wasRead(child: Child): void {
    if (child.readyUnread) {
      child.readyAt = this.time;
      child.readyOrder = ++this.order;
    }
    child.readyUnread = false;
    child.unread = 0;
  }

  private read(but?: Child): void {
    for (const child of this.children) if (child !== but && child.unread > 0 && isRunning(child)) this.deliver(child);
  }

  private writeNewline(child: Child | undefined): void {
    if (child?.ready === undefined) return;
    // Of two descriptors the shell may read either first; here what was said first is heard first.
    this.deliver(child);
    this.becomeReady(child);
    writeSync(child.ready, "\n");
    child.onReady();
  }

  private becomeReady(child: Child): void {
    const { triggered, toldAt, abortedAt, killedAt } = child;
    const isFit = !triggered && toldAt === undefined && abortedAt === undefined && killedAt === undefined;
    if (!isFit || child.readyAt !== undefined) return;
    child.readyAt = this.time;
    child.readyOrder = ++this.order;
  }

  private signalled(child: Child, signal: NodeJS.Signals): void {
    const { stopSignal } = this.setting.config;
    this.observe({ did: "signal", child, signal });
    if (signal === "SIGABRT") {
      child.failed ||= this.settles(child);
      child.abortedAt ??= this.time;
    }
    if (signal === stopSignal) child.toldAt ??= this.time;
    const { onStop, onAbort } = child.fate;
    const status = { "exits 0": 0, "exits 128 + it": 128 + constants.signals[signal] }[onStop as string] ?? 7;
    const isFatal = signal === "SIGABRT" ? onAbort !== "ignores it" : signal === stopSignal && onStop !== "ignores it";
    if (!isFatal || !isRunning(child)) return;
    if (signal === "SIGABRT") child.ending ??= onAbort === "exits 0" ? { status: 0 } : SIGABRT;
    else child.ending ??= onStop === "dies of it" ? { signal: constants.signals[signal], name: signal } : { status };
  }

  private killed(child: Child): void {
    this.observe({ did: "kill", child });
    child.swept ||= child.state === "zombie";
    if (!isRunning(child)) return;
    child.cancelled ||= this.isCancelling;
    child.killedAt ??= this.time;
    child.ending = SIGKILL;
  }

  private obey(child: Child | undefined): void {
    if (child?.state === "dying") this.vanish(child);
    else this.end(child, child?.ending);
  }

  private end(child: Child | undefined, end: End | undefined): void {
    if (!child || !end) return;
    // What others have said is read before; of its own words it has the last.
    this.read(child);
    child.failed ||= this.settles(child) || (child.readyUnread && this.predecessor(child) !== undefined);
    child.end = end;
    child.endedAt = this.time;
    child.endOrder = ++this.order;
    child.state = "zombie";
    this.hangUp(child);
    // The pipe is at its end.
    if (child.ready !== undefined) child.onReady();
    this.watches.get(child.pidfd)!();
  }

  private hangUp({ notify, ready }: Child): void {
    closeSync(notify);
    if (ready !== undefined) closeSync(ready);
  }

  /** The last of its processes is gone. */
  private vanish(child: Child): void {
    child.state = "gone";
    child.cgroup!.onEmpty!();
  }

  /** Those that were told to end do so; then the clock goes on, and timers fire when they are due. */
  private wait(microseconds: number): void {
    const end = this.time + microseconds;
    for (;;) {
      for (let child = this.pick(0, isEnding); child; child = this.pick(0, isEnding)) this.obey(child);
      const [next] = [...this.timers].sort((a, b) => a.at - b.at);
      if (!next || next.at + this.setting.lateness > end || this.exited) break;
      this.time = Math.max(this.time, next.at + this.setting.lateness);
      this.timers.delete(next);
      const due = this.children.find(({ delay }) => delay === next);
      if (due) this.becomeReady(due);
      this.isFiring = true;
      next.callback();
      this.isFiring = false;
      // The shell may have read by itself.
      for (const child of this.children) {
        if (child.unread > 0 && isRunning(child) && !native.readable(child.listener)) this.wasRead(child);
      }
      // As in libuv's loop, what can be read comes after the timers.
      this.read();
    }
    this.time = end;
  }

  private nextTimer(): number {
    const times = [...this.timers].map(({ at }) => at);
    return times.length > 0 ? Math.min(...times) : this.time;
  }

  /** The newest for 0, the one before it for 1, … */
  private pick(who: number, suits: (child: Child) => boolean): Child | undefined {
    const children = this.children.filter(suits).reverse();
    return children[who % children.length];
  }
}

function isEnding({ state, ending, cgroup }: Child): boolean {
  return (state === "running" && ending !== undefined) || (state === "dying" && cgroup!.isKilled);
}
