// The start of a generation.

import { begin } from "./enter.js";
import { extension, startLimit } from "./limits.js";
import { addressOf, type Move, tell } from "./move.js";
import { actorsOf, type Generation } from "./state.js";
import { beginFeeding } from "./watchdog.js";

/** The supervisor itself starts. */
export function start(move: Move): void {
  startGeneration(move, "start");
  tell(move, extension(startLimit(move.config)), ...beginFeeding(move));
}

export function startGeneration(move: Move, cause: Generation["cause"]): void {
  for (const actor of actorsOf(begin(move, cause))) move.effects.push({ type: "spawn", ...addressOf(actor) });
}
