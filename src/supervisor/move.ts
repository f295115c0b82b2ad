// The steps that moves of the machine are made of.

import type { Config, Effect, Generation, Priority, State, TimerName } from "./model.js";
import { statusText } from "./texts.js";

/** One step under way: helpers replace its state and append to its effects. */
export interface Move {
  state: State;
  readonly effects: Effect[];
  readonly config: Config;
  readonly now: number;
}

export function find(move: Move, number: number): Generation {
  return move.state.generations.find(generation => generation.number === number)!;
}

export function update(move: Move, number: number, change: Partial<Generation>): void {
  const generations = move.state.generations.map(other => (other.number === number ? { ...other, ...change } : other));
  move.state = { ...move.state, generations };
}

/** To its main process; one that is still to be spawned gets the stop signal then. */
export function sendSignal(move: Move, { number, pid }: Generation, signal: string): void {
  if (pid !== null) move.effects.push({ type: "signal", generation: number, signal });
}

/** One that is to make it end, which somebody who stopped it (SIGSTOP) must not keep from it. systemd does the same. */
export function sendEndSignal(move: Move, generation: Generation, signal: string): void {
  sendSignal(move, generation, signal);
  sendSignal(move, generation, "SIGCONT");
}

export function setTimer(move: Move, generation: number, timer: TimerName, at: number): void {
  move.effects.push({ type: "set-timer", timer, generation, at });
}

export function setDeadline(move: Move, generation: number, timer: TimerName, deadline: number): void {
  update(move, generation, { deadline });
  if (deadline === Number.POSITIVE_INFINITY) clearTimer(move, generation, timer);
  else setTimer(move, generation, timer, deadline);
}

export function clearTimer(move: Move, generation: number, ...timers: TimerName[]): void {
  for (const timer of timers) move.effects.push({ type: "clear-timer", timer, generation });
}

export function clearRestart(move: Move): void {
  if (!move.state.restarting) return;
  move.state = { ...move.state, restarting: false };
  move.effects.push({ type: "clear-timer", timer: "restart", generation: 0 });
}

export function log(move: Move, priority: Priority, text: string): void {
  move.effects.push({ type: "log", priority, text });
}

/** Sends assignments to systemd, always with the STATUS= that goes with them. */
export function tell(move: Move, ...assignments: string[]): void {
  const told = statusText(move.state);
  move.state = { ...move.state, told };
  move.effects.push({ type: "notify", assignments: [...assignments, `STATUS=${told}`] });
  // To systemd, EXTEND_TIMEOUT_USEC= puts its watchdog off, too, until it is fed again.
  if (move.config.watchdog > 0 && assignments.some(text => text.startsWith("EXTEND_TIMEOUT_USEC="))) feed(move);
}

/** systemd's watchdog. */
export function feed(move: Move): void {
  move.effects.push({ type: "notify", assignments: ["WATCHDOG=1"] });
}
