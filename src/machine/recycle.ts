// Recycling: a worker that is too old, or uses too much memory, is replaced by another one of the same release.

import { countRecycled } from "./counts.js";
import { SETTLED_AGE } from "./limits.js";
import { log, type Move, update } from "./move.js";
import { newsOfActor } from "./news.js";
import { startWorker } from "./start.js";
import { type Actor, actorsOn, type Generation } from "./state.js";
import { setProcessTimer } from "./timers.js";
import { excusedLine, tooLargeLine, tooOldLine } from "./words.js";

/** From when a process serves its age counts. The first ones of a generation are due one after the other. */
export function limitAge(move: Move, actor: Actor): Actor {
  const { slot, number, workers } = actor.process;
  const share = number === slot ? (slot + 1) / workers : 1;
  return setProcessTimer(move, actor, "age", move.now + move.config.maxAge * share);
}

export function tooOld(move: Move, actor: Actor): void {
  const duration = move.now - actor.process.startedAt;
  log(move, "info", tooOldLine(actor, duration), newsOfActor("recycled", actor, { duration, result: "age" }));
  update(move, actor, { due: "age" });
}

/** A process uses that many bytes, more than it may. */
export function tooLarge(move: Move, actor: Actor, memory: number): void {
  const { duty, due, excused, startedAt } = actor.process;
  if (duty !== "serving" || due || excused) return;
  if (move.now - startedAt < SETTLED_AGE) {
    log(move, "warning", excusedLine(actor, memory));
    update(move, actor, { excused: true });
  } else {
    const duration = move.now - startedAt;
    log(move, "info", tooLargeLine(actor, memory), newsOfActor("recycled", actor, { duration, result: "memory" }));
    update(move, actor, { due: "memory" });
  }
}

/** The successor of one that is due starts; one at a time, and when nothing else starts or drains. */
export function recycle(move: Move, generation: Generation): void {
  if (actorsOn(generation, "starting", "settling", "draining").length > 0) return;
  const due = generation.processes.find(({ due, state }) => due && state === "running");
  if (!due) return;
  countRecycled(move, due.due!);
  startWorker(move, generation, due.slot);
}
