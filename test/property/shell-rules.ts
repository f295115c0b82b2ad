// The rules of docs/contracts.md 6 once more, on what the shell did to the world: for nothing the machine's word is
// taken.

import { existsSync } from "node:fs";
import { type Child, type Fact, isRunning } from "./shell-child.js";
import { STORE_MAX } from "./shell-options.js";
import type { ShellWorld } from "./shell-world.js";

/** SIGKILL comes so long after SIGABRT at most, µs. */
const ABORT_TIMEOUT = 90e6;

export class ShellRules {
  private world!: ShellWorld;
  private announced = false;
  private reloading = false;
  private stopping = false;
  /** A reload was asked for since the last one began; by signal. */
  private asked = false;
  private signalled = false;
  private readonly errors: string[] = [];
  private readonly statuses: string[] = [];
  /** Candidates that failed. */
  private failures: Child[] = [];
  private readonly storedFds = new Map<string, number>();
  private readonly wrong: string[] = [];

  enter(world: ShellWorld): void {
    this.world = world;
  }

  /** A reload is about to be asked for. */
  reloadComes(bySignal: boolean): void {
    this.asked = true;
    this.signalled ||= bySignal && !this.stopping;
  }

  /** The shell is at work: what is thrown here would be caught there. */
  saw(fact: Fact): void {
    this.check(!this.world?.exited || /answer|exit/.test(fact.did), `${fact.did} after the exit`);
    switch (fact.did) {
      case "spawn":
        return this.spawned(fact.child);
      case "signal":
        return this.signal(fact.child, fact.signal);
      case "kill":
        return this.check(!isRunning(fact.child) || this.mayKill(fact.child), `${fact.child.number} is killed early`);
      case "reap":
        this.check(fact.child.swept, `generation ${fact.child.number} is waited for, and its process group lives on`);
        if (!this.stopping && !this.world.children.isReady(fact.child) && fact.child.toldAt === undefined)
          this.failures.push(fact.child);
        return;
      case "tell":
        return this.told(fact.assignments);
      case "log":
        if (fact.priority === "err") this.errors.push(fact.text);
        this.check(!fact.text.includes("internal error"), fact.text);
        return this.check(this.world?.setting.hangs || !/left behind|cgroup stays/.test(fact.text), fact.text);
      case "answer":
        return this.answered(fact.earliest, fact.result);
      case "exit":
        return this.exited();
      case "wrong":
        return this.check(false, fact.what);
    }
  }

  /** After an action, with all that came of it. Throws what was wrong. */
  settle(): void {
    const { present, world } = this;
    // 3 and 5: what was begun, or asked for, is under way.
    const isUnderWay = this.stopping || present.some(child => child.toldAt === undefined && !this.serves(child));
    this.check(isUnderWay || !this.reloading, "RELOADING=1, and no candidate that could end it");
    this.check(isUnderWay || !this.signalled, "a reload is asked for, and nothing is under way");
    this.check(isUnderWay || world.asks.size === 0, "an asker waits for nothing");
    // 5: a stop overtakes everything at once.
    const isIgnorant = (child: Child) => isRunning(child) && child.toldAt === undefined && child.killedAt === undefined;
    this.check(!this.stopping || !present.some(isIgnorant), "a generation is to stop, and does not know it");
    // 7: every child is waited for.
    this.check(!present.some(({ state }) => state === "zombie"), "a child is not waited for");
    const known = world.supervisor.state.generations.map(({ number }) => number).join();
    const there = present.map(({ number }) => number).join();
    this.check(world.exited || known === there, `generations ${there} are there, and ${known} known`);
    this.checkIdle();
    for (const child of this.failures.filter(({ state }) => state === "gone")) this.checkFailure(child);
    this.failures = this.failures.filter(({ state }) => state !== "gone");
    if (this.wrong.length > 0) throw new Error(this.wrong.join("\n"));
  }

  /** 2: at most one candidate; 6: the same sockets for all, and what is stored. */
  private spawned(child: Child | undefined): void {
    const others = this.present.filter(other => other !== child && other.toldAt === undefined);
    const isCandidate = (other: Child) => !this.world.children.isReady(other);
    const isThere = (other: Child) => isRunning(other) && other.killedAt === undefined;
    this.check(!others.some(isCandidate) && others.filter(isThere).length < 2, "a second candidate");
    this.check(!this.stopping, "a start after a stop");
    // A generation that replaces the first, which was never ready, counts as the first.
    if (!this.announced) this.asked = this.signalled = false;
    if (!child) return;
    const { sockets, stored } = this.world;
    const { variables, pidVariables, fds } = child;
    const names = [...sockets.map(({ name }) => name), ...stored];
    this.check(variables.get("LISTEN_FDNAMES") === names.join(":"), `names: ${variables.get("LISTEN_FDNAMES")}`);
    this.check(variables.get("LISTEN_FDS") === String(names.length), `LISTEN_FDS=${variables.get("LISTEN_FDS")}`);
    this.check(variables.get("FDSTORE") === String(STORE_MAX), `FDSTORE=${variables.get("FDSTORE")}`);
    this.check(pidVariables.includes("LISTEN_PID") && !variables.has("LISTEN_PID"), "LISTEN_PID is another's");
    this.check(fds.length === names.length + (child.ready === undefined ? 0 : 1), `${fds.length} descriptors`);
    const expected = [...sockets.map(({ fd }) => fd), ...stored.map(name => this.storedFds.get(name))];
    this.check(
      expected.every((fd, index) => fd === undefined || fd === fds[index]),
      `other descriptors: ${fds}`,
    );
    stored.forEach((name, index) => void this.storedFds.set(name, fds[sockets.length + index]!));
  }

  /** 1 and 2: a generation is told to stop only when a newer one is ready, and has settled; or at a stop. */
  private signal(child: Child, signal: string): void {
    const { settle, stopSignal } = this.world.setting.config;
    if (signal === "SIGABRT") this.check(child.watched && child.toldAt === undefined, "SIGABRT for nothing");
    if (signal !== stopSignal || this.stopping || !isRunning(child)) return;
    const isHeir = (other: Child) =>
      other.number > child.number && other.killedAt === undefined && this.world.children.isReady(other, settle);
    this.check(this.present.some(isHeir), `generation ${child.number} was told to stop, and nothing takes over`);
  }

  /** 1: the supervisor itself ends only what nobody needs, or what has had its time. */
  private mayKill({ startedAt, readyAt, toldAt, abortedAt, cancelled }: Child): boolean {
    const { time, interrupted, isCancelling, setting } = this.world;
    const { startTimeout, stopTimeout } = setting.config;
    return (
      cancelled ||
      isCancelling ||
      interrupted ||
      (readyAt === undefined && startedAt + startTimeout <= time) ||
      (toldAt !== undefined && toldAt + stopTimeout <= time) ||
      (abortedAt !== undefined && abortedAt + Math.min(stopTimeout, ABORT_TIMEOUT) <= time)
    );
  }

  /** 3: every RELOADING=1 is followed by exactly one READY=1, or by STOPPING=1. */
  private told(assignments: readonly string[]): void {
    this.statuses.push(assignments.at(-1)!);
    if (assignments.includes("RELOADING=1")) {
      this.check(this.announced && !this.reloading && !this.stopping, "RELOADING=1 out of order");
      this.check(this.asked, "a reload that nobody asked for, or a second one");
      this.reloading = true;
      this.asked = this.signalled = false;
    }
    if (assignments.includes("READY=1")) {
      this.check(!this.stopping && this.reloading === this.announced, "READY=1 out of order");
      this.check(
        this.announced || this.present.some(child => this.world.children.isReady(child)),
        "READY=1, and nothing serves",
      );
      this.announced = true;
      this.reloading = false;
    }
    if (assignments.includes("STOPPING=1")) {
      this.check(!this.stopping, "STOPPING=1 twice");
      // A candidate that is not quite gone drains now, as all do.
      this.failures = this.failures.filter(({ state }) => state === "gone");
      this.stopping = true;
      this.reloading = false;
    }
  }

  /** 5: each asker gets the result of a reload that began after it asked. */
  private answered(earliest: number, { generation, error }: Extract<Fact, { did: "answer" }>["result"]): void {
    if (this.stopping) return;
    this.check(generation !== null && generation.startedAt >= earliest, "an asker gets an older reload's result");
    this.check(error === null || error.includes(`generation ${generation?.number} `), `an asker is told "${error}"`);
  }

  /** 4: a failed candidate is gone, and its reason reaches systemd and the log. */
  private checkFailure(child: Child): void {
    const reason = `generation ${child.number} .*${reasonOf(child)}`;
    const explains = (text: string) => new RegExp(reason, "i").test(text);
    this.check(!existsSync(child.variables.get("NOTIFY_SOCKET")!), `generation ${child.number}'s socket is left`);
    this.check(this.errors.some(explains), `it is not logged: ${reason}`);
    this.check(this.statuses.some(explains), `systemd is not told: ${reason}`);
  }

  /** 7: every timer dies with its generation: who only serves needs none but the watchdogs', and that of its proof for --settle. */
  private checkIdle(): void {
    const [child, ...others] = this.present;
    if (!child || others.length > 0 || !isRunning(child) || !this.serves(child) || child.abortedAt !== undefined)
      return;
    const { watchdog, settle } = this.world.setting.config;
    const needed = [watchdog > 0, child.watched, settle > 0].filter(Boolean).length;
    this.check(this.world.timersSet <= needed, `it idles with ${this.world.timersSet} timers`);
  }

  private exited(): void {
    const { children, timersSet, fdsWatched } = this.world;
    this.check(this.stopping, "an exit, and systemd was not told STOPPING=1");
    this.check(this.present.length === 0, `an exit, and ${this.present.length} generations are left`);
    this.check(
      timersSet === 0 && fdsWatched === 0,
      `an exit with ${timersSet} timers, ${fdsWatched} descriptors watched`,
    );
    const left = children.all.filter(({ variables }) => existsSync(variables.get("NOTIFY_SOCKET")!));
    this.check(left.length === 0, `${left.length} sockets are left`);
  }

  private get present(): Child[] {
    return this.world.children.all.filter(({ state }) => state !== "gone");
  }

  /**
   * The child serves, alone, and the shell must have noticed: timers that are due have fired when the clock has gone
   * on.
   */
  private serves(child: Child): boolean {
    const { lateness } = this.world.setting;
    const isAlone = !this.present.some(({ number, toldAt }) => number < child.number && toldAt === undefined);
    const isWanted = child.toldAt === undefined && child.killedAt === undefined;
    return isAlone && isWanted && child.unread === 0 && this.world.children.isReady(child, lateness + 1);
  }

  private check(holds: boolean, otherwise: string): void {
    if (!holds) this.wrong.push(otherwise);
  }
}

function reasonOf({ cancelled, abortedAt, killedAt, end }: Child): string {
  if (cancelled) return "was aborted";
  if (abortedAt !== undefined) return "its watchdog";
  if (killedAt !== undefined) return "was not ready within";
  return "signal" in end! ? `was killed by ${end.name}` : `exited with status ${end!.status}`;
}
