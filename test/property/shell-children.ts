// The children of the world around the supervisor's shell: when each is ready, and how it takes signals. That is written down
// here as it happens to them, so that the rules need not ask the shell.

import { constants } from "node:os";
import type { Notification } from "../../src/machine/events.js";
import type { End } from "../../src/machine/outcome.js";
import { native } from "../../src/native/index.js";
import { type Child, isRunning, type Setting } from "./shell-child.js";
import type { ShellClock } from "./shell-clock.js";

const SIGKILL: End = { signal: 9, name: "SIGKILL" };
const SIGABRT: End = { signal: 6, name: "SIGABRT" };

export class ShellChildren {
  readonly all: Child[] = [];
  private lastPid = 100;
  private order = 0;

  constructor(
    private readonly setting: Setting,
    private readonly clock: ShellClock,
  ) {}

  nextPid(): number {
    return ++this.lastPid;
  }

  /** Numbers what happens, to tell what came first at one time. */
  nextOrder(): number {
    return ++this.order;
  }

  /** Picks the newest of those that suit for 0, the one before it for 1, … */
  pick(who: number, suits: (child: Child) => boolean): Child | undefined {
    const children = this.all.filter(suits).reverse();
    return children[who % children.length];
  }

  /** The child became ready at least `ago` µs before; the shell need not have noticed. */
  isReady(child: Child, ago = 0): boolean {
    const { failed, readyAt = Number.POSITIVE_INFINITY, endedAt = this.clock.time } = child;
    return !failed && readyAt + ago <= endedAt;
  }

  becomeReady(child: Child): void {
    const { triggered, toldAt, abortedAt, killedAt } = child;
    const isFit = !triggered && toldAt === undefined && abortedAt === undefined && killedAt === undefined;
    if (isFit && child.readyAt === undefined) this.isReadyNow(child);
  }

  /** @returns whether the child has become ready by what it says */
  said(child: Child, { ready, watchdog, watchdogTimeout }: Notification): boolean {
    child.watched ||= watchdog !== undefined || watchdogTimeout !== undefined;
    child.triggered ||= watchdog === "trigger";
    const wasReady = child.readyAt !== undefined;
    if (ready && this.setting.config.ready === "notify") this.becomeReady(child);
    return !wasReady && child.readyAt !== undefined;
  }

  /** The shell has read all that the child said. If READY=1 was part of it, that counts from now on. */
  wasRead(child: Child): void {
    if (child.readyUnread) this.isReadyNow(child);
    child.readyUnread = false;
    child.unread = 0;
  }

  /** Finds out what the shell has read by itself. */
  heedReads(): void {
    const unread = this.all.filter(child => child.unread > 0 && isRunning(child));
    for (const child of unread) if (!native.readable(child.listener)) this.wasRead(child);
  }

  signalled(child: Child, signal: NodeJS.Signals): void {
    const { stopSignal } = this.setting.config;
    if (signal === "SIGABRT") {
      child.failed ||= this.settles(child);
      child.abortedAt ??= this.clock.time;
    }
    if (signal === stopSignal) child.toldAt ??= this.clock.time;
    const { onStop, onAbort } = child.fate;
    const status = { "exits 0": 0, "exits 128 + it": 128 + constants.signals[signal] }[onStop as string] ?? 7;
    const isFatal = signal === "SIGABRT" ? onAbort !== "ignores it" : signal === stopSignal && onStop !== "ignores it";
    if (!isFatal || !isRunning(child)) return;
    if (signal === "SIGABRT") child.ending ??= onAbort === "exits 0" ? { status: 0 } : SIGABRT;
    else child.ending ??= onStop === "dies of it" ? { signal: constants.signals[signal], name: signal } : { status };
  }

  /** @param isCancelled the candidate is killed because somebody cancelled its reload */
  killed(child: Child, isCancelled: boolean): void {
    child.swept ||= child.state === "zombie";
    if (!isRunning(child)) return;
    child.cancelled ||= isCancelled;
    child.killedAt ??= this.clock.time;
    child.ending = SIGKILL;
  }

  ended(child: Child, end: End): void {
    child.failed ||= this.settles(child) || (child.readyUnread && this.predecessor(child) !== undefined);
    child.end = end;
    child.endedAt = this.clock.time;
    child.endOrder = this.nextOrder();
    child.state = "zombie";
  }

  private isReadyNow(child: Child): void {
    child.readyAt = this.clock.time;
    child.readyOrder = this.nextOrder();
  }

  /** Another one serves beside the child, and did when the child became ready. */
  private settles(child: Child): boolean {
    const { settle } = this.setting.config;
    const old = this.predecessor(child);
    if (!old || child.readyAt === undefined || child.toldAt !== undefined) return false;
    // The shell reads what was said before it lets a timer do its work.
    const now = this.clock.isFiring ? this.clock.time - 1 : this.clock.time;
    const isOver = settle === 0 || child.readyAt + settle + this.setting.lateness <= now;
    return !isOver && old.endOrder > child.readyOrder;
  }

  /** Who serves until it takes over: the newest before it that has become ready, unless it is gone or was told to stop. */
  private predecessor({ number }: Child): Child | undefined {
    const old = this.all.findLast(other => other.number < number && this.isReady(other));
    return old && old.state !== "gone" && old.toldAt === undefined ? old : undefined;
  }
}
