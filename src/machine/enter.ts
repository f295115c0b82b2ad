// The gate: only here a generation or a process gets a state, and loses the timers that don't live in it.

import { watchdogLimit } from "./limits.js";
import { type Move, replaceGeneration, replaceProcess } from "./move.js";
import type { Deadlines, GenerationState, GenerationTimer, ProcessState, ProcessTimer } from "./names.js";
import type { Doom } from "./outcome.js";
import { type Actor, actorsOf, type Generation, type Process } from "./state.js";
import { NEVER, setGenerationTimer, setProcessTimer } from "./timers.js";

/** In which states of its generation a timer may be set, and in which states of a process. */
interface Life {
  readonly generation: readonly GenerationState[];
  readonly process: readonly ProcessState[];
}

/** A generation's timer lives as long as one of its processes is in a state that is listed. */
const GENERATION_TIMERS: Readonly<Record<GenerationTimer, Life>> = {
  hint: { generation: ["starting"], process: ["running"] },
  delay: { generation: ["starting"], process: ["running"] },
  "start-timeout": { generation: ["starting"], process: ["running", "aborting"] },
  settle: { generation: ["settling"], process: ["running"] },
  "stop-timeout": { generation: ["draining"], process: ["spawning", "running", "aborting"] },
};

const PROCESS_TIMERS: Readonly<Record<ProcessTimer, Life>> = {
  watchdog: { generation: ["starting", "settling", "serving"], process: ["running"] },
  "abort-timeout": { generation: ["starting", "settling", "serving", "draining"], process: ["aborting"] },
};

/** Begins the next generation. */
export function begin(move: Move, cause: Generation["cause"]): Generation {
  const number = move.state.lastNumber + 1;
  const process: Process = {
    slot: 0,
    pid: null,
    state: "spawning",
    doom: null,
    deadlines: {},
    wasReady: false,
    status: "",
    saidStopping: false,
    reported: "",
    watchdog: watchdogLimit(move.config.watchdog),
    watched: false,
  };
  const generation: Generation = {
    number,
    state: "starting",
    cause,
    startedAt: move.now,
    deadlines: {},
    processes: [process],
  };
  move.state = { ...move.state, lastNumber: number, generations: [...move.state.generations, generation] };
  return generation;
}

/** @returns the generation as it is now */
export function enter(move: Move, generation: Generation, state: GenerationState): Generation {
  const entered = replaceGeneration(move, generation, () => ({ state }));
  return sweep(move, entered, livesIn);
}

/** @returns the process, and its generation, as they are now */
export function enterProcess(move: Move, actor: Actor, state: ProcessState, doom: Doom | null): Actor {
  const { generation, process } = replaceProcess(move, actor, () => ({ state, doom }));
  const swept = sweep(move, generation, livesIn);
  return { generation: swept, process: swept.processes.find(({ slot }) => slot === process.slot)! };
}

/** The generation is gone. @returns it without timers */
export function leave(move: Move, generation: Generation): Generation {
  const left = sweep(move, generation, () => false);
  const generations = move.state.generations.filter(({ number }) => number !== generation.number);
  move.state = { ...move.state, generations };
  return left;
}

/** Clears the timers that aren't to stay. */
function sweep(
  move: Move,
  generation: Generation,
  stays: (life: Life, generation: Generation, processes: readonly Process[]) => boolean,
): Generation {
  let swept = generation;
  for (const timer of keys(generation.deadlines)) {
    const life = GENERATION_TIMERS[timer];
    if (!stays(life, swept, swept.processes)) swept = setGenerationTimer(move, swept, timer, NEVER);
  }
  for (const actor of actorsOf(swept)) {
    for (const timer of keys(actor.process.deadlines)) {
      const life = PROCESS_TIMERS[timer];
      if (!stays(life, swept, [actor.process])) swept = setProcessTimer(move, actor, timer, NEVER).generation;
    }
  }
  return swept;
}

function livesIn(life: Life, { state }: Generation, processes: readonly Process[]): boolean {
  return life.generation.includes(state) && processes.some(({ state }) => life.process.includes(state));
}

function keys<Name extends string>(deadlines: Deadlines<Name>): Name[] {
  return Object.keys(deadlines) as Name[];
}
