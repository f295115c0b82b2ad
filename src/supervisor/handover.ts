// Kept connections move from process to process, never through here: the supervisor only gives the two ends of a pair of
// sockets to the one that is told to stop and to the one that serves in its place. See docs/handover.md.

import { closeSync } from "node:fs";
import type { Effect } from "../machine/effects.js";
import type { Address } from "../machine/events.js";
import {
  type Actor,
  actorsOf,
  actorsOn,
  findActor,
  isDoomed,
  isLeaving,
  isTrial,
  type State,
} from "../machine/state.js";
import { native } from "../native/index.js";
import { addressIn, processKey } from "./generation.js";
import type { Supervisor } from "./supervisor.js";

export class Handover {
  /** Who takes what the process of that key gives away. */
  private readonly takers = new Map<string, readonly Address[]>();

  constructor(private readonly supervisor: Pick<Supervisor, "processOf">) {}

  /** After an upgrade: those that drain have been told to stop, and give to those that serve. */
  adopt(state: State): void {
    for (const actor of state.generations.flatMap(generation => actorsOn(generation, "draining"))) {
      const isTold = !isLeaving(state, addressOf(actor));
      if (isTold) this.takers.set(processKey(addressOf(actor)), takersFor(state, actor).map(addressOf));
    }
  }

  /** Signals a process. One that has been replaced knows who takes its place when it is told to stop. */
  signal(effect: Extract<Effect, { type: "signal" }>, state: State): void {
    this.begin(effect, state);
    this.supervisor.processOf(effect)?.signal(effect.signal as NodeJS.Signals);
  }

  private begin(leaving: Address, state: State): void {
    for (const key of this.takers.keys()) if (!this.supervisor.processOf(addressIn(key))) this.takers.delete(key);
    if (!this.takers.has(processKey(leaving))) this.takers.set(processKey(leaving), []);
    // Others may be giving to the one that is to stop now.
    for (const actor of state.generations.flatMap(generation => actorsOn(generation, "draining"))) {
      const takers = this.takers.get(processKey(addressOf(actor)));
      if (takers && !takers.some(taker => serves(findActor(state, taker.generation, taker.process)))) {
        this.introduce(state, actor);
      }
    }
  }

  private introduce(state: State, giver: Actor): void {
    const channel = this.channelOf(giver);
    if (channel === undefined) return;
    const introduced: Address[] = [];
    for (const taker of takersFor(state, giver)) {
      const other = this.channelOf(taker);
      if (other !== undefined && connect(channel, nameOf(taker), other, nameOf(giver)))
        introduced.push(addressOf(taker));
    }
    this.takers.set(processKey(addressOf(giver)), introduced);
  }

  private channelOf(actor: Actor): number | undefined {
    return this.supervisor.processOf(addressOf(actor))?.channel;
  }
}

/** Those that serve in its slot; where there is none, as with fewer workers than before, all that serve. */
function takersFor(state: State, { process: { slot } }: Actor): Actor[] {
  const serving = state.generations.flatMap(actorsOf).filter(serves);
  const inSlot = serving.filter(({ process }) => process.slot === slot);
  return inSlot.length > 0 ? inSlot.slice(-1) : serving;
}

function serves(actor: Actor | undefined): boolean {
  return actor?.process.duty === "serving" && !isDoomed(actor.process) && !isTrial(actor.generation);
}

function addressOf({ generation, process }: Actor): Address {
  return { generation: generation.number, process: process.number };
}

function nameOf({ generation, process }: Actor): string {
  return `GENERATION=${generation.number}\nWORKER=${process.slot}`;
}

/** @returns whether both have been told */
function connect(giver: number, giverIsTold: string, taker: number, takerIsTold: string): boolean {
  const ends: number[] = [];
  try {
    const [givers, takers] = native.socketPair();
    ends.push(givers, takers);
    native.send(taker, `TAKE=1\n${takerIsTold}`, [takers]);
    native.send(giver, `GIVE=1\n${giverIsTold}`, [givers]);
    return true;
  } catch {
    // One of them is ending, or hears nothing. The other finds that its end leads nowhere, and nothing moves.
    return false;
  } finally {
    for (const fd of ends) closeSync(fd);
  }
}
