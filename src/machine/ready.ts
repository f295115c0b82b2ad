// From the start of a generation to its service.

import { enter, enterProcess } from "./enter.js";
import { extension, HINT_AFTER } from "./limits.js";
import { addressOf, log, type Move, tell, update } from "./move.js";
import { startPending } from "./reloads.js";
import { type Actor, type Generation, hasDied, isDoomed, serving } from "./state.js";
import { drain } from "./stop.js";
import { setGenerationTimer } from "./timers.js";
import { readyAfter, servingLine, settledFor, settlingLine, startedLine, tooLateLine } from "./words.js";

/** The process is there. A stop, or an operator's word, may have come before that. */
export function spawned(move: Move, actor: Actor, pid: number): void {
  const known = update(move, actor, { pid });
  log(move, "info", startedLine(known));
  if (known.process.state === "killing") {
    move.effects.push({ type: "kill", ...addressOf(known) });
    return;
  }
  const running = enterProcess(move, known, "running", null);
  if (running.generation.state === "starting") awaitReadiness(move, running);
  else move.effects.push({ type: "signal", ...addressOf(running), signal: move.config.stopSignal });
}

function awaitReadiness(move: Move, actor: Actor): void {
  const { generation } = actor;
  const { ready: mode, readyDelay, startTimeout } = move.config;
  if (mode === "exec") {
    ready(move, actor);
  } else if (mode === "delay") {
    setGenerationTimer(move, generation, "delay", move.now + readyDelay);
  } else {
    setGenerationTimer(move, generation, "start-timeout", move.now + startTimeout);
    setGenerationTimer(move, generation, "hint", move.now + HINT_AFTER);
  }
}

export function ready(move: Move, actor: Actor, posthumous = false): void {
  if (actor.generation.state !== "starting" || isDoomed(actor.process)) return;
  if (posthumous && serving(move.state)) return log(move, "notice", tooLateLine(actor));
  const { generation } = update(move, actor, { wasReady: true });
  const settling = enter(move, generation, "settling");
  const how = readyAfter(move.now - settling.startedAt);
  const current = serving(move.state);
  if (current && !hasDied(current) && move.config.settle > 0) settle(move, settling, how);
  else promote(move, settling, how);
}

function settle(move: Move, generation: Generation, how: string): void {
  log(move, "info", settlingLine(generation, how, move.config.settle));
  setGenerationTimer(move, generation, "settle", move.now + move.config.settle);
  // It may have got more time for its start than systemd was told of at first.
  if (move.state.reload) tell(move, extension(move.config.settle));
}

/** It has settled. */
export function settled(move: Move, generation: Generation): void {
  promote(move, generation, settledFor(move.config.settle));
}

/** Makes it the current one. `how` it got there is for the log. */
export function promote(move: Move, generation: Generation, how: string): void {
  const old = serving(move.state);
  const current = enter(move, generation, "serving");
  log(move, "info", servingLine(current, how, old));
  // In the state that systemd is told the old one drains; it hears of that itself only after READY=1 is out.
  const draining = old && enter(move, old, "draining");
  const { reload, announced } = move.state;
  move.state = { ...move.state, announced: true, reload: null, problem: null };
  if (reload || !announced) tell(move, "READY=1", `MAINPID=${move.config.pid}`);
  if (draining) drain(move, draining);
  if (reload) move.effects.push({ type: "result", askers: reload.askers, generation: current, problem: null });
  startPending(move);
}
