// The ends of a generation, and of the supervisor: DESIGN.md 3.6, one function for each rule. As in invariants.ts.

import type { Config, End } from "../../src/supervisor/model.js";
import { check, type Rule, type Scene } from "./invariants.js";
import { type Life, tells } from "./lives.js";

const CRASHES = 5;
const CRASH_WINDOW = 10e6;

/** SIGKILL comes when it is asked for, or beyond --start-timeout and --stop-timeout (and what EXTEND_TIMEOUT_USEC= adds), not before, and once. */
function limitsHold(): Rule {
  const killed = new Set<number>();
  return ({ step: { event, effects }, lives, before, lateness }) => {
    for (const effect of effects) {
      if (effect.type !== "kill") continue;
      const life = lives.all.get(effect.generation)!;
      const isAsked = life.cancelled || (event.type === "stop" && event.signal === "SIGINT" && before.stopping);
      const isDue = life.limit <= event.now || isAsked;
      // One that was killed before it was there is killed again when it is.
      check(killed.has(life.number) ? event.type === "spawned" : isDue, `generation ${life.number} is killed early`);
      killed.add(life.number);
    }
    for (const { number, limit, pid, killedAt } of lives.present)
      check(
        event.now <= limit + lateness || pid === undefined || killedAt !== undefined,
        `${number} outlives its limit`,
      );
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

/** A crash starts it anew, at once or after a backoff; more than 5 in 10 s, or --on-crash=exit: it gives up. */
function crashesAreMended(): Rule {
  let crashes: number[] = [];
  return scene => {
    const { step, config, lives, timers } = scene;
    if (!isCrash(scene)) return;
    const { now } = step.event;
    crashes = [...crashes.filter(time => now - time < CRASH_WINDOW), now];
    const givesUp = config.onCrash === "exit" || crashes.length > CRASHES;
    check(lives.stopping === givesUp, `${crashes.length} crashes, and it ${lives.stopping ? "gives up" : "goes on"}`);
    const startsAgain = lives.candidates.length === 1 || timers.includes("restart/0");
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

export const ENDS: Readonly<Record<string, () => Rule>> = {
  "start and stop timeouts": limitsHold,
  "the work is done": workIsDone,
  "a crash while a candidate starts": candidateGoesOn,
  "a crash": crashesAreMended,
  "the exit status": exitStatusTells,
};

/** The event ends the current one, and there is no candidate. */
function isLost({ step, life, before }: Scene): boolean {
  return (
    step.event.type === "exited" && life === before.serving[0] && life !== undefined && before.candidates.length === 0
  );
}

function isDone(scene: Scene): boolean {
  return isLost(scene) && (scene.life!.saidStopping || isSuccess(scene.life!));
}

/** Nothing serves any more, nothing is to take over, and it isn't as planned. */
function isCrash(scene: Scene): boolean {
  const { step, life, before } = scene;
  if (step.event.type !== "exited" && step.event.type !== "spawn-failed") return false;
  if (!before.announced || before.stopping || !life) return false;
  return (isLost(scene) && !isDone(scene)) || (before.candidates.includes(life) && before.serving.length === 0);
}

function isSuccess({ end }: Life): boolean {
  return typeof end === "object" && "status" in end && end.status === 0;
}

function endedAsAsked(end: End, config: Config): boolean {
  return "status" in end ? end.status === 0 : [config.stopSignal, "SIGTERM"].includes(end.name);
}

/** The child's own status from 1 to 125; 128 + signal; 75 beyond --start-timeout; else 69. */
function statusOf({ step: { event }, life }: Scene): number {
  if (event.type === "spawn-failed") return event.exitStatus;
  if (event.type !== "exited") throw new Error(`${event.type} ends nothing`);
  if (life!.readyAt === undefined && life!.killedAt !== undefined && life!.toldAt === undefined) return 75;
  if ("signal" in event.end) return 128 + event.end.signal;
  return event.end.status >= 1 && event.end.status <= 125 ? event.end.status : 69;
}
