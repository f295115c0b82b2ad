// The gate: only here a generation or a process gets a state, and loses the timers that don't live in it.

import { MAX_ENDED, watchdogLimit } from "./limits.js";
import { type Move, replaceGeneration, replaceProcess } from "./move.js";
import type { Deadlines, Duty, GenerationState, ProcessState, ProcessTimer } from "./names.js";
import { type Doom, endedAsAsked, type Outcome, type Problem } from "./outcome.js";
import { type Actor, actorsOf, actorsOn, type Generation, type Process } from "./state.js";
import { NEVER, setGenerationTimer, setProcessTimer } from "./timers.js";

/** What a process must be there for, and in which state it must be, so that its timer may be set. */
interface Life {
  readonly duties: readonly Duty[];
  readonly states: readonly ProcessState[];
}

const PROCESS_TIMERS: Readonly<Record<ProcessTimer, Life>> = {
  again: { duties: ["starting"], states: ["waiting"] },
  hint: { duties: ["starting"], states: ["running"] },
  delay: { duties: ["starting"], states: ["running"] },
  "start-timeout": { duties: ["starting"], states: ["running", "aborting"] },
  "probe-timeout": { duties: ["starting"], states: ["running", "aborting"] },
  "leave-timeout": { duties: ["draining"], states: ["running"] },
  "stop-timeout": { duties: ["draining"], states: ["spawning", "running", "aborting"] },
  age: { duties: ["serving"], states: ["running"] },
  watchdog: { duties: ["starting", "settling", "serving"], states: ["running"] },
  "abort-timeout": { duties: ["starting", "settling", "serving", "draining"], states: ["aborting"] },
};

/** Begins the next generation, which has no process yet. */
export function begin(move: Move, cause: Generation["cause"], release: number | null): Generation {
  const number = move.state.lastNumber + 1;
  const generation: Generation = {
    number,
    state: "starting",
    cause,
    release: release ?? number,
    fromDisk: release === null,
    startedAt: move.now,
    deadlines: {},
    processes: [],
    hired: 0,
    failure: null,
    outcome: null,
  };
  const disk = release === null ? number : move.state.disk;
  move.state = { ...move.state, lastNumber: number, disk, generations: [...move.state.generations, generation] };
  return generation;
}

/** What a generation was started from was known before, as that release. */
export function recognize(move: Move, number: number, release: number): void {
  const generation = move.state.generations.find(generation => generation.number === number);
  if (!generation) return;
  replaceGeneration(move, generation, () => ({ release }));
  if (move.state.disk === number) move.state = { ...move.state, disk: release };
}

/** Gives a generation one more process. `before` it there was another one in that slot, if it replaces one that crashed. */
export function hire(
  move: Move,
  generation: Generation,
  slot: number,
  state: "waiting" | "spawning",
  before?: Pick<Process, "restarts" | "crashes" | "last">,
): Actor {
  const hired = replaceGeneration(move, generation, ({ hired, processes }) => {
    const process: Process = {
      number: hired,
      slot,
      workers: move.state.workers,
      duty: "starting",
      startedAt: move.now,
      toldAt: null,
      restarts: 0,
      crashes: [],
      last: null,
      due: null,
      excused: false,
      ...before,
      pid: null,
      state,
      doom: null,
      deadlines: {},
      wasReady: false,
      probe: null,
      status: "",
      saidStopping: false,
      reported: "",
      watchdog: watchdogLimit(move.config.watchdog),
      watched: false,
    };
    return { hired: hired + 1, processes: [...processes, process] };
  });
  return actorsOf(hired).at(-1)!;
}

/** @returns the generation as it is now */
export function enter(move: Move, generation: Generation, state: GenerationState): Generation {
  const entered = replaceGeneration(move, generation, () => ({ state }));
  return sweep(move, entered);
}

/** @returns the process, and its generation, as they are now */
export function enterProcess(move: Move, actor: Actor, state: ProcessState, doom: Doom | null): Actor {
  return swept(
    move,
    replaceProcess(move, actor, () => ({ state, doom })),
  );
}

/** @returns the process, and its generation, as they are now */
export function enterDuty(move: Move, actor: Actor, duty: Duty): Actor {
  const told = duty === "draining" ? { toldAt: move.now } : {};
  return swept(
    move,
    replaceProcess(move, actor, () => ({ duty, ...told })),
  );
}

/** How one of its processes ended: the first counts that did not end as it should. @returns the generation as it is now */
export function recordEnd(move: Move, generation: Generation, outcome: Outcome): Generation {
  return replaceGeneration(move, generation, now => ({
    outcome: now.outcome && (now.failure || !endedAsAsked(now.outcome, move.config)) ? now.outcome : outcome,
  }));
}

/** The reload that a generation made fail, be it that it is gone. */
export function recordFailure(move: Move, { number }: Generation, failure: Problem): void {
  const mark = <G extends Generation>(generation: G): G =>
    generation.number === number ? { ...generation, failure } : generation;
  move.state = { ...move.state, generations: move.state.generations.map(mark), ended: move.state.ended.map(mark) };
}

/** The process is gone. @returns what is left of its generation */
export function dismiss(move: Move, actor: Actor): Generation {
  clearTimers(move, actor, () => false);
  const left = replaceGeneration(move, actor.generation, ({ processes }) => ({
    processes: processes.filter(({ number }) => number !== actor.process.number),
  }));
  return sweep(move, left);
}

/** The generation is gone. It is remembered as it is given here; `last` counts unless another process ended worse. */
export function leave(move: Move, generation: Generation, last: Outcome | null): void {
  const outcome = generation.outcome ?? last;
  // One that there was no room for yet never had a process, and there is nothing to remember.
  const ended = outcome ? [{ ...generation, endedAt: move.now, outcome }] : [];
  const generations = move.state.generations.filter(({ number }) => number !== generation.number);
  move.state = { ...move.state, generations, ended: [...move.state.ended, ...ended].slice(-MAX_ENDED) };
}

function swept(move: Move, { generation, process }: Actor): Actor {
  const now = sweep(move, generation);
  return { generation: now, process: now.processes.find(({ number }) => number === process.number)! };
}

/** Clears the timers that don't live any more. */
function sweep(move: Move, generation: Generation): Generation {
  if (generation.deadlines.settle !== undefined && !canSettle(generation)) {
    setGenerationTimer(move, generation, "settle", NEVER);
  }
  for (const actor of actorsOf(generation)) clearTimers(move, actor, livesIn);
  return move.state.generations.find(({ number }) => number === generation.number)!;
}

/** While it settles, all that have become ready must be well. */
function canSettle(generation: Generation): boolean {
  const settling = actorsOn(generation, "settling");
  const isWell = settling.length > 0 && settling.every(({ process }) => process.state === "running");
  return generation.state === "settling" && isWell;
}

function clearTimers(move: Move, actor: Actor, stays: (life: Life, process: Process) => boolean): void {
  for (const timer of keys(actor.process.deadlines)) {
    if (!stays(PROCESS_TIMERS[timer], actor.process)) setProcessTimer(move, actor, timer, NEVER);
  }
}

function livesIn({ duties, states }: Life, { duty, state }: Process): boolean {
  return duties.includes(duty) && states.includes(state);
}

function keys<Name extends string>(deadlines: Deadlines<Name>): Name[] {
  return Object.keys(deadlines) as Name[];
}
