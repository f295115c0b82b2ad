// What the supervisor decides: state + event → state + effects, and nothing else. Processes, sockets and clocks live in the
// supervisor's shell, which feeds events in and carries effects out, in their order.

import type { Config } from "./config.js";
import type { Effect } from "./effects.js";
import { dying, exited, spawnFailed } from "./end.js";
import type { Event, ProcessEvent } from "./events.js";
import { log, type Move, sendSignal, tell } from "./move.js";
import type { GenerationTimer, ProcessTimer, Timer } from "./names.js";
import { notified } from "./notified.js";
import { ready, settled, spawned } from "./ready.js";
import { requestReload } from "./reloads.js";
import { start, startGeneration } from "./start.js";
import { type Actor, actorsOf, findActor, type Generation, type State } from "./state.js";
import { cancel, kill, killProcess, stop } from "./stop.js";
import { expire } from "./timers.js";
import { abort, feedAgain } from "./watchdog.js";
import { hintLine, statusText } from "./words.js";

export function step(state: State, event: Event, config: Config): [State, readonly Effect[]] {
  if (state.phase === "ended") return [state, []];
  const move: Move = { state, effects: [], config, now: event.now };
  handle(move, event);
  if (statusText(move.state) !== move.state.told) tell(move);
  return [move.state, move.effects];
}

function handle(move: Move, event: Event): void {
  switch (event.type) {
    case "start":
      return start(move);
    case "reload":
      return requestReload(move, event);
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
      const actor = findActor(move.state, event.generation, event.slot);
      if (actor) happened(move, actor, event);
    }
  }
}

/** What happens to one process. */
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
      return startGeneration(move, "crash");
    case "feed":
      return feedAgain(move);
    case "watchdog":
    case "abort-timeout":
      return processTimeUp(move, findActor(move.state, timer.generation, timer.slot)!, timer.timer);
    default: {
      const generation = move.state.generations.find(({ number }) => number === timer.generation)!;
      return generationTimeUp(move, generation, timer.timer, due);
    }
  }
}

function processTimeUp(move: Move, actor: Actor, timer: ProcessTimer): void {
  const { watchdog, doom } = actor.process;
  if (timer === "watchdog") abort(move, actor, watchdog);
  else killProcess(move, actor, doom!);
}

function generationTimeUp(move: Move, generation: Generation, timer: GenerationTimer, due: number): void {
  switch (timer) {
    case "hint":
      return log(move, "notice", hintLine(generation, move.config));
    case "delay":
      for (const actor of actorsOf(generation)) ready(move, actor);
      return;
    case "settle":
      return settled(move, generation);
    case "start-timeout":
      return kill(move, generation, { kind: "start-timeout", limit: due - generation.startedAt });
    case "stop-timeout":
      return kill(move, generation, { kind: "stop-timeout" });
  }
}
