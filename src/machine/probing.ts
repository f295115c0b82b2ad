// Probes: a candidate that is ready must pass them, one after the other, before anything is handed over to it.

import { extension, readyLimit } from "./limits.js";
import { addressOf, log, type Move, tell, update } from "./move.js";
import { hasFallenBack } from "./releases.js";
import type { Actor, Generation } from "./state.js";
import { NEVER, setProcessTimer } from "./timers.js";
import { probingLine } from "./trial-words.js";

/**
 * Whether processes of it that are ready must pass the probes. What replaces one that crashed, or is recycled, is of a
 * release that has served, and clients may wait for it; workers that make it more are of that release, too.
 */
export function mustBeProbed({ config }: Move, generation: Generation): boolean {
  const hasServed = generation.state === "serving" || generation.cause === "crash" || hasFallenBack(generation);
  return config.probes.length > 0 && !hasServed;
}

export function beginProbes(move: Move, actor: Actor): void {
  const { reload, announced } = move.state;
  log(move, "info", probingLine(actor, move.now - actor.process.startedAt));
  for (const timer of ["start-timeout", "hint"] as const) setProcessTimer(move, actor, timer, NEVER);
  // The candidate may have got more time for its start than systemd was told at first.
  if (reload || !announced) tell(move, extension(readyLimit(move.config)));
  beginProbe(move, actor, 0);
}

export function beginProbe(move: Move, actor: Actor, probe: number): void {
  setProcessTimer(move, update(move, actor, { probe }), "probe-timeout", move.now + move.config.probeTimeout);
  move.effects.push({ type: "probe", ...addressOf(actor), probe });
}
