// The ends of a generation, and of the supervisor: docs/contracts.md 7, one function for each rule. As in
// invariants.ts.

import { constants } from "node:os";
import type { Config } from "../../src/machine/config.js";
import type { End } from "../../src/machine/outcome.js";
import { check, type Rule, type Scene } from "./invariants.js";
import { type Life, says, tells } from "./lives.js";

const CRASHES = 5;
const CRASH_WINDOW = 10e6;

/**
 * SIGKILL comes when it is asked for, or beyond --start-timeout and --stop-timeout (and what EXTEND_TIMEOUT_USEC=
 * adds), not before, and once.
 */
function limitsHold(): Rule {
  const killed = new Set<number>();
  return ({ step: { event, effects }, config, lives, before, lateness }) => {
    for (const effect of effects) {
      if (effect.type !== "kill") continue;
      const life = lives.all.get(effect.generation)!;
      const isAsked =
        life.cancelled || life.failedProbe || (event.type === "stop" && event.signal === "SIGINT" && before.stopping);
      const isDue = Math.min(life.limit, abortLimit(life, config)) <= event.now || isAsked;
      // A generation that was killed before its process was there is killed again when that is.
      check(killed.has(life.number) ? event.type === "spawned" : isDue, `generation ${life.number} is killed early`);
      killed.add(life.number);
    }
    for (const life of lives.present) {
      const limit = Math.min(life.limit, abortLimit(life, config)) + lateness;
      check(
        event.now <= limit || life.pid === undefined || life.killedAt !== undefined || life.dying,
        `${life.number} outlives its limit`,
      );
    }
  };
}

/** The current one exits with 0 on its own, or said STOPPING=1 before, and there is no candidate: the work is done. */
function workIsDone(): Rule {
  return scene => {
    const { step, lives } = scene;
    if (isLost(scene) && isDone(scene))
      check(tells(step, "STOPPING=1") && lives.stopping, "the work is done, but it goes on");
  };
}

/** The current one crashes while a candidate starts: the candidate goes on. */
function candidateGoesOn(): Rule {
  return ({ step, life, before, lives }) => {
    if (step.event.type !== "exited" || life !== before.serving[0] || before.candidates.length === 0) return;
    check(!lives.stopping, "it gives up, with a candidate");
    const [candidate] = before.candidates;
    check(candidate!.killedAt !== undefined || lives.present.includes(candidate!), "the candidate is gone");
    if (candidate!.readyAt !== undefined)
      check(lives.serving.includes(candidate!), "the candidate, which is ready, does not serve");
  };
}

/** A crash starts it again, at once or after a backoff; more than 5 in 10 s, or --on-crash=exit: it gives up. */
function crashesAreMended(): Rule {
  let crashes: number[] = [];
  return scene => {
    const { step, config, lives, timers } = scene;
    if (!isCrash(scene)) return;
    const { now } = step.event;
    crashes = [...crashes.filter(time => now - time < CRASH_WINDOW), now];
    const givesUp = config.onCrash === "exit" || crashes.length > CRASHES;
    check(lives.stopping === givesUp, `${crashes.length} crashes, and it ${lives.stopping ? "gives up" : "goes on"}`);
    const startsAgain = lives.candidates.length === 1 || timers.includes("restart");
    check(startsAgain === !givesUp, "nothing serves, and nothing is to start");
    const [at = now] = step.effects.flatMap(effect =>
      effect.type === "set-timer" && effect.timer === "restart" ? [effect.at] : [],
    );
    // The first time, or for a reload that was asked for, at once; then in 100 ms, 200 ms, …
    const isAtOnce = givesUp || crashes.length === 1 || tells(step, "RELOADING=1");
    check(at - now === (isAtOnce ? 0 : 50e3 * 2 ** (crashes.length - 1)), `a backoff of ${at - now} µs`);
  };
}

/** Exit only when everything is gone; with the status that tells systemd how it went. */
function exitStatusTells(): Rule {
  let expected = 0;
  let decisive: Life | undefined;
  return scene => {
    const { step, config, life, before } = scene;
    const { event, effects } = step;
    if (tells(step, "STOPPING=1")) {
      if (event.type === "stop") decisive = before.serving[0];
      else expected = isDone(scene) && isSuccess(life!) ? 0 : statusOf(scene);
    } else if (event.type === "exited" && life && life === decisive && !endedAsAsked(event.end, config)) {
      expected = statusOf(scene);
    }
    for (const effect of effects)
      if (effect.type === "exit") check(effect.status === expected, `exit status ${effect.status}, not ${expected}`);
  };
}

/**
 * Who has said WATCHDOG=1, or WATCHDOG_USEC=, and then is silent for longer than it may be, is sent SIGABRT, and so is
 * who says WATCHDOG=trigger; once, and nobody else, and nobody who is to stop.
 */
function watchdogsBite(): Rule {
  const timeouts = new Map<number, number>();
  /** Until when they must speak. */
  const limits = new Map<number, number>();
  const aborted = new Set<number>();
  return ({ step: { event, effects }, config, life, lives, lateness }) => {
    for (const effect of effects) {
      if (effect.type !== "signal" || effect.signal !== "SIGABRT") continue;
      const { generation } = effect;
      const isTriggered = event.type === "notified" && event.watchdog === "trigger" && event.generation === generation;
      check(isTriggered || (limits.get(generation) ?? Number.POSITIVE_INFINITY) <= event.now, "SIGABRT too early");
      check(!aborted.has(generation), "SIGABRT twice");
      check(lives.all.get(generation)!.toldAt === undefined, "SIGABRT to one that is to stop");
      aborted.add(generation);
    }
    if (event.type === "notified" && life) {
      const { number } = life;
      // This is the least; 0 and infinity aren't limits.
      const timeout = () => Math.max(timeouts.get(number) || Number.POSITIVE_INFINITY, 0.2e6);
      timeouts.set(number, timeouts.get(number) ?? config.watchdog);
      const isArmed = Number.isFinite(limits.get(number));
      if (event.extend !== undefined && isArmed) limits.set(number, event.now + Math.max(event.extend, timeout()));
      timeouts.set(number, event.watchdogTimeout ?? timeouts.get(number)!);
      if (event.watchdog === "ping" || event.watchdogTimeout !== undefined) limits.set(number, event.now + timeout());
      if (life.saidStopping) limits.delete(number);
    }
    for (const { number, toldAt, abortedAt, killedAt, dying } of lives.present) {
      const isWatched = !dying && toldAt === undefined && abortedAt === undefined && killedAt === undefined;
      const limit = limits.get(number) ?? Number.POSITIVE_INFINITY;
      check(!isWatched || event.now <= limit + lateness, `generation ${number} starves, and nobody notices`);
    }
  };
}

/** systemd's own watchdog is fed twice in its time, but not more often than one can, until the exit. */
function systemdIsFed(): Rule {
  let last: number | undefined;
  return ({ step: { event, effects }, config, lives, lateness }) => {
    last ??= event.now;
    const isFed = effects.some(effect => says(effect, "WATCHDOG=1"));
    check(!isFed || config.watchdog > 0, "WATCHDOG=1, and nobody wants it");
    if (config.watchdog === 0 || lives.exited) return;
    const interval = Math.max(config.watchdog, 0.2e6) / 2;
    check(event.now - last <= interval + lateness, "systemd's watchdog starves");
    if (isFed) last = event.now;
    check(
      event.type !== "start" || tells({ effects }, "WATCHDOG_USEC=200000") === config.watchdog < 0.2e6,
      "systemd wants to be fed more often than that can be",
    );
  };
}

export const ENDS: Readonly<Record<string, () => Rule>> = {
  "the watchdogs of generations": watchdogsBite,
  "systemd's watchdog": systemdIsFed,
  "start and stop timeouts": limitsHold,
  "the work is done": workIsDone,
  "a crash while a candidate starts": candidateGoesOn,
  "a crash": crashesAreMended,
  "the exit status": exitStatusTells,
};

/** The event ends the current one while there is no candidate. */
function isLost({ step, life, before }: Scene): boolean {
  return (
    step.event.type === "exited" && life === before.serving[0] && life !== undefined && before.candidates.length === 0
  );
}

function isDone(scene: Scene): boolean {
  const { saidStopping, abortedAt } = scene.life ?? {};
  return isLost(scene) && abortedAt === undefined && (saidStopping || isSuccess(scene.life!));
}

/** Nothing serves any more, nothing is to take over, and it isn't as planned. */
function isCrash(scene: Scene): boolean {
  const { step, life, before } = scene;
  if (step.event.type !== "exited" && step.event.type !== "spawn-failed") return false;
  if (!before.announced || before.stopping || !life) return false;
  return (isLost(scene) && !isDone(scene)) || (before.candidates.includes(life) && before.serving.length === 0);
}

/** When one that was sent SIGABRT is killed: it has --stop-timeout for that, but 90 s at most. */
function abortLimit({ abortedAt }: Life, { stopTimeout }: Config): number {
  return abortedAt === undefined ? Number.POSITIVE_INFINITY : abortedAt + Math.min(stopTimeout, 90e6);
}

function isSuccess({ end }: Life): boolean {
  return typeof end === "object" && "status" in end && end.status === 0;
}

function endedAsAsked(end: End, config: Config): boolean {
  const signals = [config.stopSignal, "SIGTERM"] as NodeJS.Signals[];
  if ("signal" in end) return (signals as string[]).includes(end.name);
  return [0, ...signals.map(name => 128 + constants.signals[name])].includes(end.status);
}

/** The child's own status from 1 on; 128 + signal; 75 beyond --start-timeout, or aborted by an operator; else 69. */
function statusOf({ step: { event }, life }: Scene): number {
  if (event.type === "spawn-failed") return event.exitStatus;
  if (event.type !== "exited") throw new Error(`${event.type} ends nothing`);
  const { readyAt, toldAt, abortedAt, killedAt, cancelled, failedProbe } = life!;
  if (cancelled) return 75;
  if (failedProbe) return 69;
  if (readyAt === undefined && killedAt !== undefined && toldAt === undefined && abortedAt === undefined) return 75;
  if ("signal" in event.end) return 128 + event.end.signal;
  return event.end.status || 69;
}
