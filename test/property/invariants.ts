// The rules that always hold: docs/contracts.md 6, one function each under its number. Each keeps its own memory and is
// called after every step; it throws where its rule is broken.

import type { Config } from "../../src/machine/config.js";
import type { Effect } from "../../src/machine/effects.js";
import { refusalText } from "../../src/machine/words.js";
import { childEnvironment } from "../../src/systemd/as-manager/child-environment.js";
import { type Life, type Lives, reasonOf, says, tells } from "./lives.js";
import type { Step } from "./vocabulary.js";

/** A step, with what there was before it. */
export interface Scene {
  readonly step: Step;
  readonly config: Config;
  /** The generation that the event is about, if it was not gone already. */
  readonly life: Life | undefined;
  readonly lives: Lives;
  readonly before: {
    readonly serving: readonly Life[];
    readonly candidates: readonly Life[];
    /** Not told to stop. */
    readonly untold: readonly Life[];
    /** Only the last five that are gone are remembered. */
    readonly forgotten: readonly Life[];
    readonly announced: boolean;
    readonly stopping: boolean;
    readonly exited: boolean;
  };
  /** The timers that are set after it: "feed", "settle/2", "watchdog/2/0". */
  readonly timers: readonly string[];
  /** Timers fire so late. */
  readonly lateness: number;
}

export type Rule = (scene: Scene) => void;

export function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

/** 1. From the first READY=1 until a stop or a crash, at least one ready generation has not been told to stop. */
function someoneServes(): Rule {
  return ({ step, life, lives, before }) => {
    if (!before.announced && lives.announced) check(lives.serving.length > 0, "READY=1, but nothing serves");
    const crashed = step.event.type === "exited" && before.serving.includes(life!);
    if (before.announced && before.serving.length > 0 && !lives.stopping && !crashed)
      check(lives.serving.length > 0, "nothing serves any more, without a stop or a crash");
  };
}

/**
 * 2. At most one candidate. A generation is told to stop only when a newer one is ready (after --settle), or at a stop.
 */
function oneCandidate(): Rule {
  return ({ step, config, lives, before, lateness }) => {
    check(lives.candidates.length <= 1, `candidates: ${lives.candidates.map(({ number }) => number)}`);
    const { now } = step.event;
    for (const old of before.untold.filter(({ toldAt }) => toldAt !== undefined)) {
      const heirs = lives.serving.filter(({ number }) => number > old.number);
      const settled = heirs.some(heir => heir.readyAt! + config.settle <= now);
      check(lives.stopping || settled || old.dying, `generation ${old.number} was told to stop too early`);
    }
    // And then it is told: two serve at a time only while the newer one settles.
    const [, heir] = lives.serving;
    if (heir)
      check(config.settle > 0 && now <= heir.readyAt! + config.settle + lateness, "two serve, and none settles");
  };
}

/** 3. Every RELOADING=1 is followed by exactly one READY=1, or by STOPPING=1, whatever happens in between. */
function everyReloadEnds(): Rule {
  let state: "starting" | "ready" | "reloading" | "stopping" = "starting";
  return ({ step, config, lives }) => {
    for (const effect of step.effects) {
      if (effect.type !== "notify") continue;
      const from: string = state;
      if (says(effect, "RELOADING=1")) {
        check(from === "ready", `RELOADING=1 while ${from}`);
        check(effect.assignments.includes(`MONOTONIC_USEC=${step.event.now}`), "no MONOTONIC_USEC= of now");
        state = "reloading";
      } else if (says(effect, "READY=1")) {
        check(from === "starting" || from === "reloading", `READY=1 while ${from}`);
        const hasMainPid = effect.assignments.includes(`MAINPID=${config.pid}`);
        check(hasMainPid || from === "reloading", "the first READY=1 has no MAINPID=");
        state = "ready";
      } else if (says(effect, "STOPPING=1")) {
        check(from !== "stopping", "STOPPING=1 twice");
        state = "stopping";
      }
    }
    // "Followed", because the reload goes on only for as long as there is a candidate.
    if (state === "reloading") check(lives.candidates.length === 1, "RELOADING=1, and no candidate that could end it");
  };
}

/** 4. A failed candidate is gone, all of its processes, and its reason reaches systemd, the log and whoever asked. */
function failuresAreExplained(): Rule {
  let reload: { readonly askers: Set<number> } | undefined;
  const waiting = new Set<number>();
  return ({ step: { event, effects }, life, before, lives }) => {
    if (life && before.candidates.includes(life) && (event.type === "exited" || event.type === "spawn-failed")) {
      const explains = (text: string) => has(text, `generation ${life.number}`, what, life.reported);
      const what = reasonOf(event, life);
      const first = effects.find(({ type }) => type !== "clear-timer");
      check(first?.type === "release" && first.generation === life.number, "it is not released");
      const statuses = effects.flatMap(effect => (effect.type === "notify" ? [effect.assignments.at(-1)!] : []));
      check(statuses.some(explains), `systemd is not told that ${what}`);
      const errors = effects.flatMap(effect =>
        effect.type === "log" && effect.priority === "err" ? [effect.text] : [],
      );
      check(errors.length === 1, `${errors.length} err lines: ${errors}`);
      check(explains(errors[0]!), `it is not logged that ${what}`);
      check(
        life.pid === undefined || has(errors[0]!, `generation ${life.number} (pid ${life.pid})`),
        "no pid is logged",
      );
      if (reload) {
        const serves = before.serving.find(other => other !== life && !other.dying);
        const still = serves
          ? `generation ${serves.number} (pid ${serves.pid}) still serving`
          : "no generation is serving";
        check(has(errors[0]!, "reload failed after", still), "the duration, or what serves, is not logged");
        const told = effects.flatMap(effect =>
          effect.type === "result" && effect.problem && explains(refusalText(effect.problem)) ? effect.askers : [],
        );
        check(
          [...reload.askers].every(asker => told.includes(asker)),
          "an asker does not learn the reason",
        );
      }
    }
    if (event.type === "reload" && event.asker !== null) waiting.add(event.asker);
    for (const effect of effects) {
      if (effect.type === "result") for (const asker of effect.askers) waiting.delete(asker);
    }
    if (tells({ effects }, "READY=1") || lives.stopping) reload = undefined;
    if (tells({ effects }, "RELOADING=1")) {
      reload = { askers: new Set(waiting) };
      waiting.clear();
    }
  };
}

/**
 * By how much a generation that a signal started may be older than a request, µs: process start times are that coarse.
 */
const SAME_REQUEST = 0.05e6;

/**
 * 5. A reload asked for while one runs is not lost and not run twice: one more follows. Each asker gets the result of a
 * reload that began after it asked. A stop overtakes everything at once.
 */
function reloadsAreKept(): Rule {
  /** Who waits for a result, and since when a generation may have been started that gives it. */
  const askers = new Map<number, number>();
  const triers = new Set<number>();
  const signalled = new Set<number>();
  /** The askers that no reload has begun for. */
  const waiting = new Set<number>();
  /** The generations that reloads started, and whether a signal alone asked for them. */
  const reloaded: { readonly life: Life; readonly bySignal: boolean }[] = [];
  let wanted = false;
  let announced = false;
  return ({ step, config, lives, before }) => {
    const { event, effects } = step;
    if (before.exited) return;
    if (event.type === "try") triers.add(event.asker);
    if (event.type === "reload") {
      const { since, asker, now } = event;
      const isAnswered =
        since !== null &&
        reloaded
          .filter(({ life }) => !before.forgotten.includes(life))
          .some(({ life, bySignal }) => life.startedAt >= since - (bySignal ? SAME_REQUEST : 0));
      if (asker !== null) askers.set(asker, isAnswered ? since - SAME_REQUEST : now);
      if (asker !== null && !isAnswered) waiting.add(asker);
      wanted ||= !isAnswered;
    }
    for (const effect of effects) {
      announced ||= says(effect, "READY=1");
      // A generation that replaces the first, which was never ready, counts as the first.
      if (says(effect, "RELOADING=1") || (effect.type === "spawn" && effect.generation > 1 && !announced)) {
        check(wanted, "a reload that nobody asked for, or a second one");
        wanted = false;
        reloaded.push({ life: lives.candidates.at(-1)!, bySignal: waiting.size === 0 });
        waiting.clear();
      }
      if (effect.type === "signal" && effect.signal === config.stopSignal) signalled.add(effect.generation);
      if (effect.type === "spawn") check(!lives.stopping, "a start after a stop");
      if (effect.type !== "result") continue;
      for (const asker of effect.askers) {
        if (triers.delete(asker)) continue;
        const earliest = askers.get(asker);
        if (earliest === undefined) throw new Error(`asker ${asker} is answered twice`);
        const life = effect.generation === null ? undefined : lives.all.get(effect.generation.number);
        const isLater = life !== undefined && life.startedAt >= earliest;
        check(lives.stopping || isLater, `asker ${asker} gets the result of an older reload`);
        if (effect.problem === null) check(life?.readyAt !== undefined, `asker ${asker}'s generation has not served`);
        askers.delete(asker);
      }
    }
    if (lives.stopping) {
      check(askers.size + triers.size === 0, "askers are left without an answer at a stop");
      wanted = false;
    }
    if (wanted) check(lives.candidates.length === 1, "a reload is asked for, and nothing is under way");
    if (askers.size > 0) check(wanted || lives.candidates.length === 1, "an asker waits for nothing");
    const isTried = lives.present.some(({ isTrial, toldAt }) => isTrial && toldAt === undefined);
    check(triers.size === 0 || isTried, "an asker waits for a trial, and there is none");
    if (event.type === "stop") check(lives.stopping, "a stop waits");
    for (const { number, toldAt, pid, killedAt } of lives.present) {
      const isTold = pid === undefined || toldAt === undefined || killedAt !== undefined || signalled.has(number);
      check(isTold, `generation ${number} is to stop, and does not know it`);
    }
  };
}

/** 6. Every generation gets the same fds in the same order with the same names. */
function sameSockets(): Rule {
  const sockets = ["web", "admin", "web"].map((name, index) => ({ fd: 3 + index, name }));
  return ({ step }) => {
    for (const effect of step.effects) {
      if (effect.type !== "spawn") continue;
      // All that the machine says of a start is its number: which sockets it gets is no decision.
      check(
        Object.keys(effect).sort().join() === "generation,process,release,slot,type,workers",
        "a spawn says more than what it is for",
      );
      const { variables, pidVariables } = childEnvironment(
        { LISTEN_FDS: "9", LISTEN_PID: "1", LISTEN_FDNAMES: "received" },
        { LISTEN_FDS: String(effect.generation), LISTEN_FDNAMES: `file-${effect.generation}`, LISTEN_PID: "1" },
        {
          generation: effect.generation,
          slot: 0,
          workers: 1,
          supervisorPid: 1,
          fds: sockets,
          fdstoreMax: 0,
          notifySocket: "/n",
          isTrial: false,
          probeFd: undefined,
          readyFd: undefined,
        },
      );
      check(variables.LISTEN_FDS === "3" && variables.LISTEN_FDNAMES === "web:admin:web", "other sockets");
      check(pidVariables.includes("LISTEN_PID") && !("LISTEN_PID" in variables), "LISTEN_PID is another's");
    }
  };
}

/** 7. Every child is waited for; every timer dies with its generation. */
function nothingIsLeft(): Rule {
  const open = new Set<number>();
  let exited = false;
  return ({ step, lives, timers }) => {
    for (const effect of step.effects) {
      check(!exited, "an effect after the exit");
      if (effect.type === "spawn") open.add(effect.generation);
      const number = generationOf(effect);
      if (number > 0) check(open.has(number), `${effect.type} for generation ${number}, which is gone`);
      if (effect.type === "release") {
        check(lives.all.get(number)!.end !== undefined, `generation ${number} is released, but it runs`);
        open.delete(number);
      }
      if (effect.type === "exit") {
        exited = true;
        check(open.size === 0, `exit, but generations ${[...open]} are not waited for`);
        check(timers.length === 0, `exit, but timers are set: ${timers}`);
      }
    }
    for (const life of lives.all.values())
      check(life.released === (life.end !== undefined), `${life.number} is not released`);
    for (const timer of timers) {
      const [name, number] = timer.split("/");
      const life = lives.all.get(Number(number));
      if (life) check(open.has(life.number), `timer ${timer} outlives its generation`);
      check(hasPurpose(name!, life, lives), `timer ${timer} has nothing to do any more`);
    }
  };
}

export const INVARIANTS: Readonly<Record<string, () => Rule>> = {
  "invariant 1": someoneServes,
  "invariant 2": oneCandidate,
  "invariant 3": everyReloadEnds,
  "invariant 4": failuresAreExplained,
  "invariant 5": reloadsAreKept,
  "invariant 6": sameSockets,
  "invariant 7": nothingIsLeft,
};

function generationOf(effect: Effect): number {
  // A result names the generation that serves, which isn't an effect on it.
  return "generation" in effect && effect.type !== "result" ? effect.generation : 0;
}

function hasPurpose(timer: string, life: Life | undefined, { candidates }: Lives): boolean {
  if (!life) return timer === "feed" || timer === "remember" || (timer === "restart" && candidates.length === 0);
  if (life.dying) return false;
  if (timer === "stop-timeout") return life.toldAt !== undefined;
  if (timer === "abort-timeout") return life.abortedAt !== undefined;
  if (timer === "watchdog") return life.toldAt === undefined && life.abortedAt === undefined;
  return (candidates.includes(life) || life.isTrial) && (timer === "settle") === (life.readyAt !== undefined);
}

function has(text: string, ...parts: string[]): boolean {
  return parts.every(part => text.toLowerCase().includes(part.toLowerCase()));
}
