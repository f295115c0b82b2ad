// Gentle boots: what starts while another process serves in its slot gets less of the CPU than that, and only so many of
// them start at a time.

import type { Address } from "./events.js";
import { addressOf, type Move } from "./move.js";
import { type Actor, actorsOn, findActor, type Generation, isDoomed, isServed, isTrial, type State } from "./state.js";

/** What a cgroup's cpu.weight is by itself. With it for a boot, too, no boot is a gentle one. */
export const USUAL_WEIGHT = 100;

/**
 * Whether a process isn't ready yet, and another one serves in its slot, so that no client waits for it. Not so at a first
 * start, nor when what it is to replace has crashed.
 */
export function bootsGently(state: State, { process }: Actor): boolean {
  const { duty, probe, slot } = process;
  return duty === "starting" && probe === null && !isDoomed(process) && isServed(state, slot);
}

/** The weight of a process's cgroup beside others, where it has one. */
export function weightOf(state: State, actor: Actor, bootWeight: number): number {
  return bootsGently(state, actor) ? bootWeight : USUAL_WEIGHT;
}

/** What the shell asks before it starts one. */
export function howToStart(
  state: State,
  { generation, process }: Address,
  bootWeight: number,
): { isTrial: boolean; weight: number } {
  const actor = findActor(state, generation, process)!;
  return { isTrial: isTrial(actor.generation), weight: weightOf(state, actor, bootWeight) };
}

/** Those of these slots in which a worker may be started now: clients may wait where nobody serves. */
export function startable(move: Move, generation: Generation, slots: readonly number[]): number[] {
  const { state, config } = move;
  // One that is being killed makes no room: its generation fails.
  const isBooting = ({ process: { slot, probe } }: Actor) => probe === null && isServed(state, slot);
  let room = config.bootParallel - actorsOn(generation, "starting").filter(isBooting).length;
  return slots.filter(slot => !isServed(state, slot) || room-- > 0);
}

/** After a step: whose weight is another one now is given that. The shell looks up the first one when it starts it. */
export function weigh(move: Move, before: State): void {
  const { bootWeight } = move.config;
  if (bootWeight === USUAL_WEIGHT) return;
  // Others have the usual one, and keep it.
  for (const old of before.generations.flatMap(generation => actorsOn(generation, "starting"))) {
    const address = addressOf(old);
    const actor = findActor(move.state, address.generation, address.process);
    if (!actor || old.process.state === "waiting" || isDoomed(actor.process)) continue;
    const weight = weightOf(move.state, actor, bootWeight);
    if (weight !== weightOf(before, old, bootWeight)) move.effects.push({ type: "weigh", ...address, weight });
  }
}
