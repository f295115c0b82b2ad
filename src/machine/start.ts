// Starts: of a generation, and of its processes, as many at a time as may be.

import { startable } from "./boot.js";
import { begin, enterProcess, hire } from "./enter.js";
import { extension, startLimit } from "./limits.js";
import { addressOf, type Move, tell, update } from "./move.js";
import { type Actor, type Generation, type Process, type State, serving } from "./state.js";
import { setProcessTimer } from "./timers.js";
import { beginFeeding } from "./watchdog.js";

/** The supervisor itself starts. It may remember a release to fall back on. */
export function start(move: Move, remembers: boolean): void {
  move.state = { ...move.state, workers: move.config.workers, canFallBack: remembers };
  startGeneration(move, "start");
  tell(move, extension(startLimit(move.config)), ...beginFeeding(move));
}

/** @param release the generation that it is to be started from the code of; null: from what is on disk */
export function startGeneration(move: Move, cause: Generation["cause"], release: number | null = null): void {
  fill(move, begin(move, cause, release));
}

/**
 * Starts workers in a candidate's empty slots, as long as there is room beside those that they are to replace.
 *
 * @returns how many
 */
export function fill(move: Move, generation: Generation): number {
  return startIn(move, generation, slotsToFill(move, generation));
}

/** The empty slots of a candidate that there is room for. */
export function slotsToFill({ state, config }: Move, generation: Generation): number[] {
  const isAtOnce = config.surge >= state.workers || !serving(state);
  const room = isAtOnce ? state.workers : state.workers + config.surge - countBeside(state, generation);
  return emptySlots(state, generation).slice(0, Math.max(0, room));
}

/** Starts workers in those of these slots in which one may start now. @returns how many */
export function startIn(move: Move, generation: Generation, slots: readonly number[]): number {
  const now = startable(move, generation, slots);
  for (const slot of now) startWorker(move, generation, slot);
  return now.length;
}

/** The slots in which no process is, nor is to be. */
export function emptySlots({ workers }: State, { processes }: Generation): number[] {
  const held = new Set(processes.filter(({ duty }) => duty !== "draining").map(({ slot }) => slot));
  return Array.from({ length: workers }, (_, slot) => slot).filter(slot => !held.has(slot));
}

export function startWorker(move: Move, generation: Generation, slot: number): Actor {
  const actor = hire(move, generation, slot, "spawning");
  spawn(move, actor);
  return actor;
}

/** In the slot of one that crashed, when the backoff is over. */
export function startAgain(
  move: Move,
  generation: Generation,
  slot: number,
  before: Pick<Process, "restarts" | "crashes" | "last">,
  delay: number,
): void {
  const actor = hire(move, generation, slot, delay > 0 ? "waiting" : "spawning", before);
  if (delay > 0) setProcessTimer(move, actor, "again", move.now + delay);
  else spawn(move, actor);
}

/** The backoff is over. Another number of workers may be wanted by now. */
export function waited(move: Move, actor: Actor): void {
  const { workers } = move.state;
  spawn(move, enterProcess(move, update(move, actor, { startedAt: move.now, workers }), "spawning", null));
}

function spawn(move: Move, actor: Actor): void {
  const { slot, workers } = actor.process;
  move.effects.push({ type: "spawn", ...addressOf(actor), release: actor.generation.release, slot, workers });
}

/** The processes that there are, but for those that drained before a candidate came. */
function countBeside({ generations }: State, { startedAt }: Generation): number {
  const isCounted = ({ toldAt }: Process) => toldAt === null || toldAt > startedAt;
  return generations.flatMap(({ processes }) => processes).filter(isCounted).length;
}
