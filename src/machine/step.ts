// The supervisor decides here: state + event → state + effects, and nothing else. Processes, sockets and clocks live in
// the supervisor's shell, which feeds events in and carries effects out, in their order.

import { unseen } from "./accepting.js";
import { arrange } from "./arrange.js";
import { weigh } from "./boot.js";
import type { Config } from "./config.js";
import type { Effect } from "./effects.js";
import { cancel, dying, exited, spawnFailed } from "./end.js";
import { recognize } from "./enter.js";
import type { Event, ProcessEvent } from "./events.js";
import { type Move, sendSignal, tell } from "./move.js";
import type { ProcessTimer, Timer } from "./names.js";
import { notified } from "./notified.js";
import { accepting, hint, probed, ready, remember, settled, spawned } from "./ready.js";
import { tooLarge, tooOld } from "./recycle.js";
import { requestReload } from "./reloads.js";
import { start, startGeneration, waited } from "./start.js";
import { type Actor, actorsOf, findActor, type State } from "./state.js";
import { statusText } from "./status-text.js";
import { kill, leavesTooLong, left, stop } from "./stop.js";
import { expire } from "./timers.js";
import { tryOut } from "./trial.js";
import { abort, feedAgain } from "./watchdog.js";
import { scale } from "./workers.js";

export function step(state: State, event: Event, config: Config): [State, readonly Effect[]] {
  if (state.phase === "ended") return [state, []];
  const move: Move = { state, effects: [], config, now: event.now };
  handle(move, event);
  arrange(move);
  weigh(move, state);
  if (statusText(move.state) !== move.state.told) tell(move);
  return [move.state, move.effects];
}

function handle(move: Move, event: Event): void {
  switch (event.type) {
    case "start":
      return start(move, event.remembers);
    case "reload":
      if (requestReload(move, event)) cancel(move);
      return;
    case "try":
      return tryOut(move, event.asker);
    case "scale":
      return scale(move, event.asker, event.workers);
    case "recognized":
      return recognize(move, event.generation, event.release);
    case "cancel":
      return cancel(move);
    case "stop":
      return stop(move, event.signal);
    case "pass":
      return pass(move, event.signal);
    case "timer":
      return timeUp(move, event);
    default: {
      // What comes late, about a process that is gone, means nothing.
      const actor = findActor(move.state, event.generation, event.process);
      if (actor) happened(move, actor, event);
    }
  }
}

/** Something happened to one process. */
function happened(move: Move, actor: Actor, event: ProcessEvent): void {
  switch (event.type) {
    case "spawned":
      return spawned(move, actor, event.pid);
    case "spawn-failed":
      return spawnFailed(move, actor, event);
    case "ready":
      return ready(move, actor, event.posthumous);
    case "notified":
      return notified(move, actor, event);
    case "accepting":
      return accepting(move, actor, event.posthumous);
    case "unseen":
      return unseen(move, actor, event);
    case "probed":
      return probed(move, actor, event);
    case "left":
      return left(move, actor);
    case "over-limit":
      return tooLarge(move, actor, event.memory);
    case "dying":
      return dying(move, actor);
    case "exited":
      return exited(move, actor, event.end);
  }
}

/** --pass-signal: to those that serve or drain. */
function pass(move: Move, signal: string): void {
  for (const actor of move.state.generations.flatMap(actorsOf)) {
    if (actor.process.wasReady) sendSignal(move, actor, signal);
  }
}

/** A timer has fired; the gate lets none live in a state that it means nothing in. */
function timeUp(move: Move, timer: Timer): void {
  const due = expire(move, timer);
  if (due === undefined) return;
  switch (timer.timer) {
    case "restart":
      return startGeneration(move, "crash", move.state.release);
    case "remember":
      return remember(move);
    case "feed":
      return feedAgain(move);
    case "settle":
      return settled(move, move.state.generations.find(({ number }) => number === timer.generation)!);
    default:
      return processTimeUp(move, findActor(move.state, timer.generation, timer.process)!, timer.timer, due);
  }
}

function processTimeUp(move: Move, actor: Actor, timer: ProcessTimer, due: number): void {
  const { watchdog, doom, startedAt, probe } = actor.process;
  switch (timer) {
    case "again":
      return waited(move, actor);
    case "hint":
      return hint(move, actor);
    case "delay":
      return ready(move, actor);
    case "start-timeout":
      return kill(move, actor, { kind: "start-timeout", limit: due - startedAt });
    case "probe-timeout":
      return kill(move, actor, { kind: timer, probe: move.config.probes[probe!]!, limit: move.config.probeTimeout });
    case "leave-timeout":
      return leavesTooLong(move, actor);
    case "stop-timeout":
      return kill(move, actor, { kind: "stop-timeout" });
    case "age":
      return tooOld(move, actor);
    case "watchdog":
      abort(move, actor, watchdog);
      return;
    case "abort-timeout":
      return kill(move, actor, doom!);
  }
}
