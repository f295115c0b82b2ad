// What must hold after every step, whatever happens to whom.

import { isDeepStrictEqual } from "node:util";
import type { Config } from "../../src/machine/config.js";
import { timerKey } from "../../src/machine/names.js";
import { type State, timersOf } from "../../src/machine/state.js";
import { statusText } from "../../src/machine/status-text.js";
import { step } from "../../src/machine/step.js";
import { check } from "./invariants.js";
import type { Step } from "./vocabulary.js";

interface Scene {
  readonly step: Step;
  readonly config: Config;
  readonly timers: readonly string[];
}

/** The same step twice gives the same, whatever was frozen or came between. */
function isPure({ step: { event, before, after, effects }, config }: Scene): void {
  check(isDeepStrictEqual(step(before, event, config), [after, effects]), "the same step twice gives two results");
}

function tellsItsStatus({ step: { after, effects } }: Scene): void {
  const statuses = effects.flatMap(effect =>
    effect.type === "notify" && effect.assignments.join() !== "WATCHDOG=1" ? [effect.assignments.at(-1)] : [],
  );
  if (statuses.length > 0 && after.phase !== "ended")
    check(statuses.at(-1) === `STATUS=${statusText(after)}`, `systemd is told "${statuses.at(-1)}"`);
  check(after.told === statusText(after), "systemd does not know the status");
}

/** The state has every timer that is set, and no other: who takes over sets them by it. */
function knowsItsTimers({ step: { after }, timers }: Scene): void {
  const known = timersOf(after).map(timerKey);
  const isKnown = known.length === timers.length && known.every(timer => timers.includes(timer));
  check(isKnown, `timers ${timers} are set, but it knows ${known}`);
}

/** Every number that is counted, in their order. */
function countedIn(counts: object): number[] {
  return Object.values(counts).flatMap(one => (typeof one === "number" ? [one] : countedIn(one as object)));
}

/** What was counted never gets less, and a reload that has ended is counted. */
function counts({ step: { before, after } }: Scene): void {
  const [earlier, now] = [countedIn(before.counts), countedIn(after.counts)];
  check(
    now.every((count, index) => count >= earlier[index]!),
    `${earlier} were counted, and now ${now}`,
  );
  const reloads = ({ counts: { reloads } }: State) => reloads.succeeded.count + reloads.failed.count;
  const hasEnded = before.reload !== null && after.reload === null && after.phase === "running";
  check(!hasEnded || reloads(after) > reloads(before), "a reload has ended, and isn't counted");
}

export const EVERY_STEP: Readonly<Record<string, (scene: Scene) => void>> = {
  purity: isPure,
  STATUS: tellsItsStatus,
  "the timers": knowsItsTimers,
  "the counts": counts,
};
