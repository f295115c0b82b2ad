// A move is one step under way; this file has the parts that moves are made of.

import type { Config } from "./config.js";
import type { Effect, Priority } from "./effects.js";
import type { Address } from "./events.js";
import type { News } from "./news.js";
import type { Actor, Generation, Process, State } from "./state.js";
import { statusText } from "./status-text.js";

/** Helpers replace its state and append to its effects. */
export interface Move {
  state: State;
  readonly effects: Effect[];
  readonly config: Config;
  readonly now: number;
}

/** What a process says of itself. Its state is for enter.ts, its timers are for timers.ts. */
type Facts = Pick<
  Process,
  | "pid"
  | "workers"
  | "startedAt"
  | "due"
  | "excused"
  | "wasReady"
  | "probe"
  | "status"
  | "saidStopping"
  | "reported"
  | "watchdog"
  | "watched"
>;

/** @returns the process, and its generation, as they are now */
export function update(move: Move, actor: Actor, facts: Partial<Facts>): Actor {
  return replaceProcess(move, actor, () => facts);
}

/** Only enter.ts and timers.ts call this. It changes what stands in the state now, however old the caller's copy is. */
export function replaceGeneration(
  move: Move,
  { number }: Generation,
  change: (now: Generation) => Partial<Generation>,
): Generation {
  const generations = move.state.generations.map(other =>
    other.number === number ? { ...other, ...change(other) } : other,
  );
  move.state = { ...move.state, generations };
  return generations.find(other => other.number === number)!;
}

/** Only enter.ts and timers.ts call this. */
export function replaceProcess(
  move: Move,
  { generation, process }: Actor,
  change: (now: Process) => Partial<Process>,
): Actor {
  const { number } = process;
  const replaced = replaceGeneration(move, generation, ({ processes }) => ({
    processes: processes.map(other => (other.number === number ? { ...other, ...change(other) } : other)),
  }));
  return { generation: replaced, process: replaced.processes.find(other => other.number === number)! };
}

/** Where events and effects about a process say whose they are. */
export function addressOf({ generation, process }: Actor): Address {
  return { generation: generation.number, process: process.number };
}

/** Signals the main process. A process that is still to be spawned gets the stop signal then. */
export function sendSignal(move: Move, actor: Actor, signal: string): void {
  if (actor.process.pid !== null) move.effects.push({ type: "signal", ...addressOf(actor), signal });
}

/** Sends a terminating signal, then SIGCONT so that a stopped process receives it, as systemd does. */
export function sendEndSignal(move: Move, actor: Actor, signal: string): void {
  sendSignal(move, actor, signal);
  sendSignal(move, actor, "SIGCONT");
}

export function log(move: Move, priority: Priority, text: string, news?: News): void {
  move.effects.push({ type: "log", priority, text, ...(news && { news }) });
}

/** Sends assignments to systemd, always with the STATUS= that goes with them. */
export function tell(move: Move, ...assignments: string[]): void {
  const told = statusText(move.state);
  move.state = { ...move.state, told };
  move.effects.push({ type: "notify", assignments: [...assignments, `STATUS=${told}`] });
  // EXTEND_TIMEOUT_USEC= also puts systemd's watchdog off until it is fed again.
  if (move.config.watchdog > 0 && assignments.some(text => text.startsWith("EXTEND_TIMEOUT_USEC="))) feed(move);
}

/** Feeds systemd's watchdog. */
export function feed(move: Move): void {
  move.effects.push({ type: "notify", assignments: ["WATCHDOG=1"] });
}
