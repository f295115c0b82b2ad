// Setting timers. When each fires stands in the state, beside what it is about; only what is set stands there.

import { addressOf, type Move, replaceGeneration, replaceProcess } from "./move.js";
import {
  type Deadlines,
  type GenerationTimer,
  type OwnTimer,
  type ProcessTimer,
  type Timer,
  timerKey,
} from "./names.js";
import { type Actor, findActor, type Generation, timersOf } from "./state.js";

/** Instead of a time: the timer is cleared if it is set. */
export const NEVER = Number.POSITIVE_INFINITY;

export function setOwnTimer(move: Move, timer: OwnTimer, at: number): void {
  move.state = { ...move.state, deadlines: set(move, move.state.deadlines, timer, { timer }, at) };
}

export function setGenerationTimer(move: Move, generation: Generation, timer: GenerationTimer, at: number): Generation {
  const address = { timer, generation: generation.number };
  return replaceGeneration(move, generation, ({ deadlines }) => ({
    deadlines: set(move, deadlines, timer, address, at),
  }));
}

export function setProcessTimer(move: Move, actor: Actor, timer: ProcessTimer, at: number): Actor {
  const address = { timer, ...addressOf(actor) };
  return replaceProcess(move, actor, ({ deadlines }) => ({ deadlines: set(move, deadlines, timer, address, at) }));
}

/**
 * Takes a timer that has fired out of the state.
 *
 * @returns when it was due; undefined when it isn't set or not due, so that the event means nothing
 */
export function expire(move: Move, timer: Timer): number | undefined {
  const due = timersOf(move.state).find(other => timerKey(other) === timerKey(timer) && other.at <= move.now);
  if (!due) return undefined;
  if ("process" in due) {
    const actor = findActor(move.state, due.generation, due.process)!;
    replaceProcess(move, actor, ({ deadlines }) => ({ deadlines: without(deadlines, due.timer) }));
  } else if ("generation" in due) {
    const generation = move.state.generations.find(({ number }) => number === due.generation)!;
    replaceGeneration(move, generation, ({ deadlines }) => ({ deadlines: without(deadlines, due.timer) }));
  } else {
    move.state = { ...move.state, deadlines: without(move.state.deadlines, due.timer) };
  }
  return due.at;
}

function set<Name extends string>(
  move: Move,
  deadlines: Deadlines<Name>,
  name: Name,
  timer: Timer,
  at: number,
): Deadlines<Name> {
  const others = without(deadlines, name);
  if (at < NEVER) {
    move.effects.push({ type: "set-timer", ...timer, at });
    return { ...others, [name]: at };
  }
  if (deadlines[name] !== undefined) move.effects.push({ type: "clear-timer", ...timer });
  return others;
}

function without<Name extends string>(deadlines: Deadlines<Name>, timer: Name): Deadlines<Name> {
  const { [timer]: _, ...others } = deadlines;
  return others as Deadlines<Name>;
}
