// As shell.test.ts, for a service of several workers, whose number changes: what the shell does to the world of scripted children
// is checked, and for nothing the machine's word is taken. (What the machine decides for workers is checked in workers.test.ts.)

import { existsSync, readdirSync } from "node:fs";
import { expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { Cgroup } from "../../src/systemd/as-service/cgroup.js";
import { eventually } from "../support/eventually.js";
import { leftovers } from "../support/native.js";
import { temporaryDirectory } from "../support/supervisor.js";
import { ScriptedCgroup } from "./scripted-cgroup.js";
import { shellWorkersSequences } from "./sequences.js";
import { type Child, type Fact, isRunning, slotOf } from "./shell-child.js";
import { ShellWorld } from "./shell-world.js";

const RUNS = 800;
const STEPS = 20_000;

/** The lives must have shown each of these. */
const KINDS = [
  ...["READY=1", "RELOADING=1", "STOPPING=1", "take over", "kill", "reap", "exit"],
  ...["a start", "a start that fails", "a worker that replaces another one", "a stored descriptor that comes back"],
];

class WorkerRules {
  world!: ShellWorld;
  readonly seen: string[] = [];
  private readonly wrong: string[] = [];
  private isStopping = false;
  private isReloading = false;
  /** The generation that was the first to serve. */
  private first: number | undefined;

  /** The shell is at work: what is thrown here would be caught there. */
  saw(fact: Fact): void {
    switch (fact.did) {
      case "spawn":
        return this.spawned(fact.child);
      case "signal":
        return this.signalled(fact.child, fact.signal);
      case "tell":
        return this.told(fact.assignments);
      case "log":
        this.check(!fact.text.includes("internal error"), fact.text);
        return this.check(this.world?.setting.hangs || !/left behind|cgroup stays/.test(fact.text), fact.text);
      case "exit":
        return this.exited();
      case "wrong":
        return this.check(false, fact.what);
      default:
        this.seen.push(fact.did);
    }
  }

  /** After an action, with all that came of it. Throws what was wrong. */
  settle(): void {
    const { present, world } = this;
    this.check(!present.some(({ state }) => state === "zombie"), "a child is not waited for");
    const isIgnorant = (child: Child) => isRunning(child) && child.toldAt === undefined && child.killedAt === undefined;
    this.check(!this.isStopping || !present.some(isIgnorant), "a worker is to stop, and does not know it");
    const known = world.supervisor.state.generations.flatMap(({ processes }) =>
      processes.flatMap(({ pid }) => pid ?? []),
    );
    const there = present.map(({ pid }) => pid);
    this.check(world.exited || known.sort().join() === there.sort().join(), `${there} are there, and ${known} known`);
    if (this.wrong.length > 0) throw new Error(this.wrong.join("\n"));
  }

  /** Each knows its slot, and gets the sockets and what was stored in it. */
  private spawned(child: Child | undefined): void {
    this.seen.push(child ? "a start" : "a start that fails");
    this.check(!this.isStopping, "a start after a stop");
    if (!child) return;
    const { variables, fds } = child;
    const { sockets, stored } = this.world;
    const workers = Number(variables.get("ZERODOWN_WORKERS") ?? 1);
    const own = stored.filter(name => Number(/\d+$/.exec(name)![0]) % workers === slotOf(child));
    if (own.length > 0) this.seen.push("a stored descriptor that comes back");
    this.check(workers === this.world.supervisor.state.workers, `${workers} workers, says a worker`);
    const names = [...sockets.map(({ name }) => name), ...own].join(":");
    this.check(variables.get("LISTEN_FDNAMES") === names, `names: ${variables.get("LISTEN_FDNAMES")}, not ${names}`);
    this.check(
      fds.length === sockets.length + own.length + (child.ready === undefined ? 0 : 1),
      `${fds.length} descriptors`,
    );
    const isTwin = (other: Child) =>
      other !== child && isRunning(other) && other.variables.get("NOTIFY_SOCKET") === variables.get("NOTIFY_SOCKET");
    this.check(!this.present.some(isTwin), "two workers have one notify socket");
  }

  /**
   * One that is ready is told to stop only when another one is ready in its slot, or nobody wants its slot, or its generation
   * has failed. Where none serves, READY=1 counts even of one that has ended meanwhile.
   */
  private signalled(child: Child, signal: string): void {
    const { children, setting, supervisor } = this.world;
    if (signal !== setting.config.stopSignal || this.isStopping || !isRunning(child) || !children.isReady(child))
      return;
    const isHeir = (other: Child) =>
      other !== child && slotOf(other) === slotOf(child) && children.isReady(other) && other.toldAt === undefined;
    const siblings = children.all.filter(({ number }) => number === child.number);
    // It is no candidate any more once all of them were ready.
    const hasFailed =
      siblings.some(({ killedAt, abortedAt, endedAt }) => (killedAt ?? abortedAt ?? endedAt) !== undefined) &&
      siblings.some(sibling => !children.isReady(sibling));
    const isNeeded =
      child.number >= (this.first ?? 0) &&
      !hasFailed &&
      child.killedAt === undefined &&
      child.abortedAt === undefined &&
      slotOf(child) < supervisor.state.workers;
    const hasHeir = children.all.some(isHeir);
    if (hasHeir) this.seen.push("a worker that replaces another one");
    this.check(!isNeeded || hasHeir, `slot ${slotOf(child)} of generation ${child.number} is left empty`);
  }

  private told(assignments: readonly string[]): void {
    const [state] = assignments;
    if (!/^(READY|RELOADING|STOPPING)=1$/.test(state!)) return;
    this.seen.push(state!);
    if (state === "READY=1") this.first ??= this.present.at(-1)!.number;
    this.check(state !== "RELOADING=1" || !this.isReloading, "RELOADING=1 twice");
    this.isReloading = state === "RELOADING=1";
    this.isStopping ||= state === "STOPPING=1";
  }

  private exited(): void {
    this.seen.push("exit");
    const { children, timersSet, fdsWatched } = this.world;
    this.check(this.isStopping, "an exit, and systemd was not told STOPPING=1");
    this.check(this.present.length === 0, `an exit, and ${this.present.length} workers are left`);
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

  private check(holds: boolean, otherwise: string): void {
    if (!holds) this.wrong.push(otherwise);
  }
}

const lives = fc.record({ sequence: shellWorkersSequences, cgroups: fc.boolean(), hangs: fc.boolean() });

test(`the rules hold for what the shell does to several workers in ${STEPS} steps`, async () => {
  const directory = temporaryDirectory();
  const left = leftovers();
  const scripted = jest.spyOn(Cgroup, "at").mockImplementation(path => ScriptedCgroup.byPath(path));
  const seen = new Map<string, number>();
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(lives, async ({ sequence, ...kernel }) => {
      const rules = new WorkerRules();
      const world = new ShellWorld({ ...sequence, ...kernel }, directory.path, fact => rules.saw(fact));
      rules.world = world;
      const take = async (action: () => void) => {
        action();
        // The askers learn of it.
        await Promise.resolve();
        rules.settle();
        steps++;
      };
      try {
        await take(() => world.supervisor.start());
        for (const action of [...sequence.actions, ...sequence.stops]) {
          if (!world.exited) await take(() => world.act(action));
        }
        await take(() => world.stop());
        if (!world.exited) throw new Error("it never reaches its exit");
      } finally {
        world.close();
      }
      for (const kind of rules.seen) seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }),
    { numRuns: RUNS },
  );
  expect(steps).toBeGreaterThan(STEPS);
  scripted.mockRestore();
  const often = [...seen].filter(([, times]) => times >= 20).map(([kind]) => kind);
  expect(often).toEqual(expect.arrayContaining(KINDS));
  expect(readdirSync(directory.path)).toEqual([]);
  directory.remove();
  await eventually(() => expect(left().fds).toEqual([]));
}, 300_000);
