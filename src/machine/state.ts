// The state of the machine: plain data, which JSON can hold (see snapshot.ts). Times are µs of CLOCK_MONOTONIC.

import { type Counts, NO_COUNTS } from "./counts.js";
import type {
  Deadlines,
  Duty,
  GenerationState,
  GenerationTimer,
  OwnTimer,
  ProcessState,
  ProcessTimer,
  Timer,
} from "./names.js";
import type { Doom, Named, Outcome, Problem } from "./outcome.js";

/**
 * One process of a generation, in a slot: 0, 1, … There may be several in a slot, one that serves, and others that are to
 * replace it or that drain.
 */
export interface Process {
  /** It differs from those of all others of its generation. The first processes have the numbers of their slots. */
  readonly number: number;
  readonly slot: number;
  /** How many workers were wanted when it was started; with 1 nobody speaks of workers. */
  readonly workers: number;
  readonly duty: Duty;
  readonly startedAt: number;
  /** When it was told to stop. */
  readonly toldAt: number | null;
  /** How often the slot's process was started again in this generation, because the one before it had crashed. */
  readonly restarts: number;
  /** When those before it crashed of late. */
  readonly crashes: readonly number[];
  /** How the one before it ended, if that crashed. */
  readonly last: Outcome | null;
  /** Why another one is to take its place; it serves until then. */
  readonly due: "age" | "memory" | null;
  /** It used too much memory right after its start: it would be no use to replace it. */
  readonly excused: boolean;
  /** null until it is spawned. */
  readonly pid: number | null;
  readonly state: ProcessState;
  /** The reason for aborting or killing it; the reason stays when it is dying. */
  readonly doom: Doom | null;
  readonly deadlines: Deadlines<ProcessTimer>;
  /** The process has been ready. */
  readonly wasReady: boolean;
  /** It is ready but for that probe and those after it: an index of Config.probes. */
  readonly probe: number | null;
  /** The last STATUS= that the process sent. */
  readonly status: string;
  /** The process said STOPPING=1. */
  readonly saidStopping: boolean;
  /** The ERRNO= or EXIT_STATUS= it sent, in words. */
  readonly reported: string;
  /** The longest time between two WATCHDOG=1 of it; null for no limit. */
  readonly watchdog: number | null;
  /** The process has said WATCHDOG=1 or WATCHDOG_USEC=, and must go on. */
  readonly watched: boolean;
}

export interface Generation {
  readonly number: number;
  /**
   * That of its newest processes while it is the candidate: some of it may serve already. One that drains may have workers
   * that serve, until those are back that they had replaced.
   */
  readonly state: GenerationState;
  /** The reason for its start. For a reload it names who asked. A trial is to be ready once, and never serves: see trial.ts. */
  readonly cause: "start" | "crash" | "signal" | "command" | "rollback" | "trial";
  /** The generation that was first started from the same release: itself, or an older one. */
  readonly release: number;
  /** It was started from what was on disk then; else from a release that was known before. */
  readonly fromDisk: boolean;
  readonly startedAt: number;
  readonly deadlines: Deadlines<GenerationTimer>;
  readonly processes: readonly Process[];
  /** How many processes it has had. */
  readonly hired: number;
  /** The reload that it made fail, if it did. */
  readonly failure: Problem | null;
  /** How the first of its processes ended that did not end as it should. */
  readonly outcome: Outcome | null;
}

/** A generation that is gone, as it was when the last of it ended. */
export interface Ended extends Generation {
  readonly endedAt: number;
  readonly outcome: Outcome;
}

export type SetTimer = Timer & { readonly at: number };

/** A process and the generation that it belongs to. */
export interface Actor {
  readonly generation: Generation;
  readonly process: Process;
}

/** Those who asked for a reload since the last one began. */
export interface Pending {
  readonly askers: readonly number[];
  /** All of them want the code started again that serves now. */
  readonly same: boolean;
  /** They want a rollback to that release; null for what is on disk, or the same. */
  readonly release: number | null;
}

export interface State {
  /** "ending": nothing is started any more, every generation drains. */
  readonly phase: "running" | "ending" | "ended";
  /** A generation has been ready, and systemd knows. */
  readonly announced: boolean;
  /** How many workers are wanted. */
  readonly workers: number;
  readonly generations: readonly Generation[];
  /** The last few that ended, the newest last. */
  readonly ended: readonly Ended[];
  readonly lastNumber: number;
  /** What serves, or served last; null until something does. A crash starts it again. */
  readonly release: number | null;
  /** What served before that; null for nothing else. A rollback starts it again. */
  readonly before: number | null;
  /** A release is remembered that served before this supervisor, and nothing has been started from it yet. */
  readonly canFallBack: boolean;
  /** What was last found on disk. */
  readonly disk: number;
  /** The reload that runs, which systemd was told of by RELOADING=1. */
  readonly reload: { readonly askers: readonly number[] } | null;
  readonly pending: Pending | null;
  /** Who waits for the outcome of a trial; null for nobody. */
  readonly trying: number | null;
  /** Those who asked for another number of workers, and wait until they serve. */
  readonly scaling: readonly number[] | null;
  /** With "restart" nothing serves, and the next generation starts when the backoff is over. */
  readonly deadlines: Deadlines<OwnTimer>;
  /** When processes crashed of late. */
  readonly crashes: readonly number[];
  /** The last failure, or the reason for its end: part of STATUS=. */
  readonly problem: Problem | null;
  readonly exitStatus: number;
  /** The generation whose end may still change the exit status, 0 for none. */
  readonly decisive: number;
  /** The STATUS= that systemd was told last. */
  readonly told: string;
  readonly counts: Counts;
}

export const initialState: State = {
  phase: "running",
  announced: false,
  workers: 1,
  generations: [],
  ended: [],
  lastNumber: 0,
  release: null,
  before: null,
  canFallBack: false,
  disk: 0,
  reload: null,
  pending: null,
  trying: null,
  scaling: null,
  deadlines: {},
  crashes: [],
  problem: null,
  decisive: 0,
  exitStatus: 0,
  told: "",
  counts: NO_COUNTS,
};

/** The current generation. */
export function serving(state: State): Generation | undefined {
  return state.generations.find(generation => generation.state === "serving");
}

/** The one that is to take over. */
export function candidate(state: State): Generation | undefined {
  return state.generations.find(
    generation => !isTrial(generation) && (generation.state === "starting" || generation.state === "settling"),
  );
}

export function causeOf({ generations }: State, number: number): Generation["cause"] | undefined {
  return generations.find(generation => generation.number === number)?.cause;
}

/** Whether it is only tried: it has none of the sockets, and is ended when it is ready. */
export function isTrial({ cause }: Pick<Generation, "cause">): boolean {
  return cause === "trial";
}

/** The candidate, as long as an operator may abort it: one that settles has requests to answer already. */
export function abortable(state: State): Generation | undefined {
  const starting = candidate(state);
  const isAbortable =
    starting?.state === "starting" &&
    starting.processes.length > 0 &&
    !starting.processes.some(process => process.duty === "starting" && process.state === "dying");
  return isAbortable ? starting : undefined;
}

/** Whether nothing is under way: one generation serves, and what comes next comes from outside. */
export function isIdle({ generations, deadlines }: State): boolean {
  const [generation, ...others] = generations;
  if (generation?.state !== "serving" || others.length > 0 || deadlines.remember !== undefined) return false;
  return generation.processes.every(({ duty }) => duty === "serving");
}

/** Whether a look at that process still means something: one at a starting one `goesOn`, one at what serves doesn't. */
export function isLookedAt(state: State, look: { generation: number; process: number; goesOn: boolean }): boolean {
  const actor = findActor(state, look.generation, look.process);
  if (!actor || isDoomed(actor.process)) return false;
  return actor.process.duty === (look.goesOn ? "starting" : "serving");
}

/** Whether the outcome of that probe of that process still means something. */
export function isProbed(state: State, about: { generation: number; process: number; probe: number }): boolean {
  const actor = findActor(state, about.generation, about.process);
  return actor !== undefined && isProbing(actor.process) && actor.process.probe === about.probe;
}

/** Whether it is told to stop as soon as --before-drain has run for it. */
export function isLeaving(state: State, about: { generation: number; process: number }): boolean {
  return findActor(state, about.generation, about.process)?.process.deadlines["leave-timeout"] !== undefined;
}

export function isProbing({ duty, state, probe }: Process): boolean {
  return duty === "starting" && state === "running" && probe !== null;
}

export function findActor(state: State, number: number, process: number): Actor | undefined {
  const generation = state.generations.find(generation => generation.number === number);
  return generation && actorsOf(generation).find(actor => actor.process.number === process);
}

export function actorsOf(generation: Generation): Actor[] {
  return generation.processes.map(process => ({ generation, process }));
}

/** Those of a generation that are there for something in particular. */
export function actorsOn(generation: Generation, ...duties: readonly Duty[]): Actor[] {
  return actorsOf(generation).filter(({ process }) => duties.includes(process.duty));
}

/** Whether a process of it serves in that slot, and is to go on. */
export function servesIn(generation: Generation | undefined, slot: number): boolean {
  const serves = (process: Process) => process.duty === "serving" && process.slot === slot && !isDoomed(process);
  return generation?.processes.some(serves) ?? false;
}

/** Whether a process of any generation serves in that slot. */
export function isServed({ generations }: State, slot: number): boolean {
  return generations.some(generation => servesIn(generation, slot));
}

/** Whether all of its main processes have ended, though it isn't gone yet. */
export function hasDied({ processes }: Generation): boolean {
  return processes.every(({ state }) => state === "dying");
}

/** Whether a process of it is on duty, and its main process has not ended. */
export function isOnDuty({ processes }: Generation): boolean {
  return processes.some(({ duty, state }) => duty === "serving" && state !== "dying");
}

/** Whether it was sent SIGABRT or SIGKILL, or has ended but for what it leaves: whatever it says, it will not serve. */
export function isDoomed({ state }: Process): boolean {
  return state === "aborting" || state === "killing" || state === "dying";
}

export function pidsOf({ processes }: Generation): number[] {
  return processes.flatMap(({ pid }) => (pid === null ? [] : [pid]));
}

/** The last STATUS= of its processes. */
export function statusOf({ processes }: Generation): string {
  return processes
    .map(({ status }) => status)
    .filter(Boolean)
    .join("; ");
}

/** Whether one speaks of its workers, as it isn't one process. */
export function hasWorkers({ processes }: Generation): boolean {
  return processes.some(({ workers }) => workers > 1);
}

export function named(generation: Generation): Named {
  const { number, state, processes } = generation;
  const counted = processes.filter(({ duty }) => state === "draining" || duty !== "draining");
  return { number, pids: pidsOf(generation), worker: null, workers: hasWorkers(generation) ? counted.length : 0 };
}

/** A process by its slot where it is one of several workers, else by its generation. */
export function namedActor({ generation, process }: Actor): Named {
  const { pid, slot, workers } = process;
  const pids = pid === null ? [] : [pid];
  return { number: generation.number, pids, worker: workers > 1 ? slot : null, workers: 0 };
}

/** Every timer that is set, and when it fires. */
export function timersOf(state: State): SetTimer[] {
  const timers: object[] = [];
  collect(timers, state.deadlines, {});
  for (const { number: generation, deadlines, processes } of state.generations) {
    collect(timers, deadlines, { generation });
    for (const { number: process, deadlines } of processes) collect(timers, deadlines, { generation, process });
  }
  return timers as SetTimer[];
}

function collect(timers: object[], deadlines: Deadlines<string>, address: object): void {
  for (const timer in deadlines) timers.push({ timer, ...address, at: deadlines[timer] });
}
