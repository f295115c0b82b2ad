// After every step: what is there is compared with what is wanted, slot by slot.

import { extension, startLimit } from "./limits.js";
import { type Move, tell } from "./move.js";
import { advance, awaitRoom, canAdvance } from "./ready.js";
import { recycle } from "./recycle.js";
import { emptySlots, fill, startIn } from "./start.js";
import {
  type Actor,
  actorsOf,
  actorsOn,
  candidate,
  type Generation,
  isServed,
  type Process,
  servesIn,
  serving,
} from "./state.js";
import { discharge, drain } from "./stop.js";
import { answerScaling } from "./workers.js";

/** Starts what is missing, tells those to stop that are too many, and answers who waits for that. */
export function arrange(move: Move): void {
  if (move.state.phase !== "running") return;
  const spare = move.state.generations.flatMap(actorsOf).filter(actor => isSpare(move, actor));
  const draining = discharge(move, spare);
  for (const actor of draining) drain(move, actor);
  if (draining.length > 0) awaitRoom(move);
  const ready = candidate(move.state);
  // Those that it waited for may be wanted no more.
  if (ready && canAdvance(move, ready)) advance(move, ready);
  const starting = candidate(move.state);
  const current = serving(move.state);
  // systemd waits for those that had to wait for their turn, too.
  if (starting?.state === "starting" && fill(move, starting) > 0 && move.state.reload)
    tell(move, extension(startLimit(move.config)));
  // Beside a candidate nothing is started for its own sake: if that fails, it is made up for. But a worker may crash that a
  // failed one had left, and its queue have no other.
  if (starting?.state === "settling" && current)
    startIn(move, current, withoutQueue(move, emptySlots(move.state, current)));
  if (!starting && current) {
    startIn(move, current, emptySlots(move.state, current));
    recycle(move, serving(move.state)!);
  }
  if (move.state.scaling && isWhole(move)) answerScaling(move, null);
}

/** While a candidate settles it starts nothing: those of these slots on whose queue nobody is, or is to be, meanwhile. */
function withoutQueue({ state, config }: Move, slots: readonly number[]): number[] {
  const held = state.generations.flatMap(actorsOf).filter(({ process }) => process.duty !== "draining");
  const queues = new Set(held.map(({ process }) => process.slot % config.queues));
  return slots.filter(slot => !queues.has(slot % config.queues));
}

/** Whether nobody needs it: there are fewer slots, or another one serves in its place. */
function isSpare({ state }: Move, { generation, process }: Actor): boolean {
  const { duty, slot } = process;
  if (duty === "draining") return false;
  if (slot >= state.workers) return true;
  // A candidate that failed serves until those are back that it had replaced; of two that failed the later one is enough.
  if (generation.state === "draining") {
    const later = state.generations.filter(({ number }) => number > generation.number);
    return [serving(state), ...later.filter(isDraining)].some(other => servesIn(other, slot));
  }
  if (generation.state !== "serving") return false;
  if (duty === "serving") return generation.processes.some(other => replaces(other, process));
  // What would replace one that serves is left to the candidate.
  return duty === "starting" && candidate(state) !== undefined && isServed(state, slot);
}

function isDraining({ state }: Generation): boolean {
  return state === "draining";
}

function replaces(other: Process, { slot, number }: Process): boolean {
  return other.duty === "serving" && other.slot === slot && other.number > number;
}

/** As many workers serve as are wanted, and no others. */
function isWhole({ state }: Move): boolean {
  const current = serving(state);
  if (!current || candidate(state)) return false;
  const on = actorsOn(current, "starting", "settling", "serving");
  return on.length === state.workers && on.every(({ process }) => process.duty === "serving");
}
