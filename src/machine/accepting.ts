// Whether a process waits for clients: how it becomes ready with --ready accept, and a warning for one that serves.

import type { ReadyMode } from "./config.js";
import type { Unseen } from "./events.js";
import { ACCEPTS_AFTER, HINT_AFTER } from "./limits.js";
import { addressOf, log, type Move } from "./move.js";
import { type Actor, isDoomed } from "./state.js";
import { kill } from "./stop.js";
import { NEVER, setProcessTimer } from "./timers.js";
import { notAcceptedLine, unseenLine } from "./words.js";

export function awaitsAccepting(mode: ReadyMode): boolean {
  return mode === "accept" || mode === "notify+accept";
}

/** It becomes ready when it is seen to wait for clients. */
export function awaitAccepting(move: Move, actor: Actor): void {
  // What it waits for is told by what is seen.
  setProcessTimer(move, actor, "hint", NEVER);
  look(move, actor, HINT_AFTER, true);
}

/** It serves, and nobody has looked yet. */
export function checkAccepting(move: Move, actor: Actor): void {
  if (!move.config.seesAccepting || awaitsAccepting(move.config.ready)) return;
  look(move, actor, ACCEPTS_AFTER, false);
}

function look(move: Move, actor: Actor, patience: number, goesOn: boolean): void {
  move.effects.push({ type: "look", ...addressOf(actor), slot: actor.process.slot, patience, goesOn });
}

/** Nobody is seen to wait on some socket, and that for some time. */
export function unseen(move: Move, actor: Actor, seen: Unseen): void {
  const { process } = actor;
  if (isDoomed(process)) return;
  if (process.duty === "serving") {
    const isSure = seen.hidden.length === 0 && seen.obstacles.length === 0;
    if (isSure) log(move, "warning", notAcceptedLine(actor, seen, ACCEPTS_AFTER));
  } else if (process.duty === "starting" && seen.hidden.length > 0) {
    kill(move, actor, { kind: "hidden", pids: seen.hidden });
  } else if (process.duty === "starting") {
    log(move, "notice", unseenLine(actor, seen, move.config));
  }
}
