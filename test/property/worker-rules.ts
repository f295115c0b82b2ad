// The rules that always hold, restated for a service of several workers: docs/contracts.md 6, one function each. As in invariants.ts.

import type { Config } from "../../src/machine/config.js";
import { candidate, findActor } from "../../src/machine/state.js";
import type { Crew, Worker } from "./crew.js";
import { bootsAreFew, bootsAreGentle } from "./gentle-boots.js";
import { check } from "./invariants.js";
import { says } from "./lives.js";
import { aCrashIsNoDeploy } from "./releases.js";
import type { Step } from "./vocabulary.js";

/** One step, and what there was before it. */
export interface WorkerScene {
  readonly step: Step;
  readonly config: Config;
  readonly crew: Crew;
  readonly before: {
    readonly served: ReadonlySet<number>;
    /** Not told to stop. */
    readonly untold: readonly Worker[];
    readonly announced: boolean;
    readonly stopping: boolean;
  };
  /** The timers that are set after it: "feed", "settle/2", "again/2/0". */
  readonly timers: readonly string[];
  /** The cpu.weight of each one's cgroup, by generation and process: "2/0". */
  readonly weights: ReadonlyMap<string, number>;
}

export type WorkerRule = (scene: WorkerScene) => void;

/**
 * 1. Never fewer than are wanted, or than serve now, are ready and have not been told to stop, until a stop; a crash costs the
 * one that crashes.
 */
function noneIsMissing({ step: { event, effects }, crew, before }: WorkerScene): void {
  if (!before.announced || crew.stopping) return;
  const isLoss =
    event.type === "exited" ||
    event.type === "dying" ||
    effects.some(effect => effect.type === "signal" && effect.signal === "SIGABRT");
  const served = [...before.served].filter(slot => slot < crew.wanted).length;
  check(crew.served.size >= served - (isLoss ? 1 : 0), `${crew.served.size} serve, after ${served}, of ${crew.wanted}`);
}

/** 2. Who is told to stop isn't needed: another one serves in its slot, or it has none any more, or its generation has failed. */
function noneIsToldTooEarly({ step: { event, before: old, after }, crew, before }: WorkerScene): void {
  // One that wasn't there when that was decided is told when it is.
  if (crew.stopping || event.type === "spawned") return;
  for (const worker of before.untold.filter(({ toldAt }) => toldAt !== undefined)) {
    const { slot, generation } = worker;
    const hasHeir = crew.serving.some(other => other.slot === slot);
    const stateIn = (state: Step["after"]) => state.generations.find(({ number }) => number === generation)?.state;
    const hasFailed = /starting|settling/.test(stateIn(old) ?? "") && stateIn(after) === "draining";
    // An heir that is told of in the same step, and dies in it, has served.
    check(slot >= crew.wanted || hasHeir || hasFailed || worker.doomed, `slot ${slot} is left empty`);
  }
}

/** Those that are wanted, and as many as `--surge` allows beside them. */
function surgeHolds(): WorkerRule {
  let wanted = 0;
  let number = 0;
  let scaledAt = 0;
  return ({ step: { event, effects, after }, config, crew }) => {
    const starting = candidate(after);
    if (starting && starting.number !== number) {
      number = starting.number;
      wanted = crew.wanted;
    }
    if (crew.wanted !== wanted) scaledAt = number;
    const isSpawn = effects.some(effect => effect.type === "spawn" && effect.generation === starting?.number);
    const hasOld = after.generations.some(({ state }) => state === "serving");
    if (config.surge >= crew.wanted) return;
    if (!isSpawn || !hasOld || scaledAt === number || event.type === "scale") return;
    // One that isn't there yet, or was killed, isn't told.
    const drains = ({ generation, process }: Worker) =>
      findActor(after, generation, process)?.process.duty === "draining";
    // What drains since before that is an older reload's; one that was to drain before it was there learns of it late.
    const drainsSince = ({ generation, process, toldAt }: Worker) =>
      findActor(after, generation, process)?.process.toldAt ?? toldAt ?? 0;
    const count = crew.present.filter(worker =>
      worker.toldAt === undefined ? !drains(worker) : drainsSince(worker) > starting!.startedAt,
    ).length;
    const most = crew.wanted + config.surge;
    check(count <= most, `${count} workers, with ${crew.wanted} wanted and --surge ${config.surge}`);
  };
}

/** 3. Every RELOADING=1 is followed by exactly one READY=1, or by STOPPING=1. */
function everyReloadEnds(): WorkerRule {
  let state: "starting" | "ready" | "reloading" | "stopping" = "starting";
  return ({ step: { effects, after } }) => {
    for (const effect of effects) {
      const from: string = state;
      if (says(effect, "RELOADING=1")) {
        check(from === "ready", `RELOADING=1 while ${from}`);
        state = "reloading";
      } else if (says(effect, "READY=1")) {
        check(from === "starting" || from === "reloading", `READY=1 while ${from}`);
        state = "ready";
      } else if (says(effect, "STOPPING=1")) {
        check(from !== "stopping", "STOPPING=1 twice");
        state = "stopping";
      }
    }
    if (state === "reloading") check(candidate(after) !== undefined, "RELOADING=1, and no candidate that could end it");
  };
}

/** 5. Every asker is answered once, and waits only for as long as there is something to wait for. */
function askersAreAnswered(): WorkerRule {
  const reloads = new Set<number>();
  const scales = new Set<number>();
  const triers = new Set<number>();
  return ({ step: { event, effects, before: old, after }, crew, before, timers }) => {
    if (old.phase === "ended") return;
    if (event.type === "reload" && event.asker !== null) reloads.add(event.asker);
    if (event.type === "try") triers.add(event.asker);
    if (event.type === "scale" && event.asker !== null) scales.add(event.asker);
    for (const effect of effects) {
      if (effect.type !== "result") continue;
      for (const asker of effect.askers) {
        check(
          reloads.delete(asker) || scales.delete(asker) || triers.delete(asker),
          `asker ${asker} is answered twice`,
        );
        const isScaled = effect.generation !== null && event.type !== "scale";
        check(effect.problem !== null || effect.generation !== null || isScaled, "neither a result nor a reason");
      }
    }
    if (crew.stopping && !before.stopping)
      check(reloads.size + scales.size + triers.size === 0, "askers are left at a stop");
    if (reloads.size > 0) check(candidate(after) !== undefined, "an asker waits for a reload, and none is under way");
    const isOne = new Set(crew.serving.map(({ generation }) => generation)).size === 1;
    const isWhole = isOne && crew.served.size === crew.wanted && crew.serving.length === crew.wanted;
    const isUnderWay = candidate(after) !== undefined || timers.some(timer => /^(?:again\/|restart$)/.test(timer));
    const isSettled = isWhole && !isUnderWay && crew.present.every(worker => worker.isReady);
    if (scales.size > 0) check(!isSettled, "an asker waits for workers that serve");
  };
}

/** A crash of k workers is k replacements: a slot that is wanted has a process, or one is to be started in it. */
function crashesAreMended({ step: { after }, crew, timers }: WorkerScene): void {
  if (crew.stopping || !crew.announced) return;
  const taken = crew.present.filter(({ toldAt, isTrial }) => toldAt === undefined && !isTrial).map(({ slot }) => slot);
  const empty = Array.from({ length: crew.wanted }, (_, slot) => slot).filter(slot => !taken.includes(slot));
  const waiting = timers.filter(timer => timer.startsWith("again/")).length;
  const isMended = empty.length <= waiting || timers.includes("restart") || candidate(after) !== undefined;
  check(isMended, `nothing is, nor is to be, in slots ${empty}`);
}

/** No accept queue is without a process that accepts on it, or is being started to; but for the backoff after crashes. */
function everyQueueHasAWorker({ step: { after }, config: { queues }, crew, timers }: WorkerScene): void {
  if (crew.stopping || !crew.announced || timers.includes("restart")) return;
  const accepting = crew.present.filter(({ toldAt }) => toldAt === undefined).map(({ slot }) => slot);
  const waiting = after.generations
    .flatMap(({ number, processes }) =>
      processes.map(process => ({ key: `again/${number}/${process.number}`, process })),
    )
    .flatMap(({ key, process }) => (timers.includes(key) ? [process.slot] : []));
  const taken = new Set([...accepting, ...waiting].map(slot => slot % queues));
  check(taken.size === queues, `only ${[...taken]} of ${queues} queues have a worker`);
  check(after.workers >= queues, `${after.workers} workers for ${queues} queues`);
}

/** 7. Every child is waited for, what was opened for it is closed then; every timer dies with it. */
function nothingIsLeft({ step: { effects }, crew, timers }: WorkerScene): void {
  for (const { generation, process, ended, released } of crew.all.values())
    check(ended === released, `${generation}/${process} ${ended ? "has ended, and is not released" : "is released"}`);
  const isExit = effects.some(({ type }) => type === "exit");
  check(!isExit || crew.present.length === 0, `exit, and ${crew.present.length} are not waited for`);
  check(!isExit || timers.length === 0, `exit, but timers are set: ${timers}`);
  for (const timer of timers) {
    const [name, generation, process] = timer.split("/");
    if (process === undefined || name === "again") continue;
    const isPresent = crew.find({ generation: Number(generation), process: Number(process) }) !== undefined;
    check(isPresent, `timer ${timer} outlives its process`);
  }
}

/** A stop reaches all at once: they drain beside one another. */
function allAreStopped({ step: { effects }, config, crew }: WorkerScene): void {
  if (!effects.some(effect => says(effect, "STOPPING=1"))) return;
  const told = effects.flatMap(effect =>
    effect.type === "signal" && effect.signal === config.stopSignal ? [`${effect.generation}/${effect.process}`] : [],
  );
  for (const { generation, process, pid, toldAt, doomed } of crew.present) {
    const isTold = pid === undefined || toldAt !== undefined || told.includes(`${generation}/${process}`);
    check(isTold || doomed, `${generation}/${process} is to stop, and does not know it`);
  }
}

export const WORKER_RULES: Readonly<Record<string, () => WorkerRule>> = {
  "never fewer": () => noneIsMissing,
  "told to stop": () => noneIsToldTooEarly,
  "--surge": surgeHolds,
  "--boot-weight": () => bootsAreGentle,
  "--boot-parallel": () => bootsAreFew,
  "RELOADING=1": everyReloadEnds,
  askers: askersAreAnswered,
  crashes: () => crashesAreMended,
  queues: () => everyQueueHasAWorker,
  releases: aCrashIsNoDeploy,
  "what is left": () => nothingIsLeft,
  "a stop": () => allAreStopped,
};
