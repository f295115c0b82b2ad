// The state of the machine: plain data, which JSON can hold (see snapshot.ts). Times are µs of CLOCK_MONOTONIC.

import type {
  Deadlines,
  GenerationState,
  GenerationTimer,
  OwnTimer,
  ProcessState,
  ProcessTimer,
  Timer,
} from "./names.js";
import type { Doom, Named, Outcome, Problem } from "./outcome.js";

/** One process of a generation, in its slot. There is one slot, 0. */
export interface Process {
  readonly slot: number;
  /** null until it is spawned. */
  readonly pid: number | null;
  readonly state: ProcessState;
  /** Why it is aborting or killing; it stays when it is dying. */
  readonly doom: Doom | null;
  readonly deadlines: Deadlines<ProcessTimer>;
  /** It has been ready. */
  readonly wasReady: boolean;
  /** Its last STATUS=. */
  readonly status: string;
  /** It said STOPPING=1. */
  readonly saidStopping: boolean;
  /** The ERRNO= or EXIT_STATUS= it sent, in words. */
  readonly reported: string;
  /** The longest time between two WATCHDOG=1 of it; null for no limit. */
  readonly watchdog: number | null;
  /** It has said WATCHDOG=1 or WATCHDOG_USEC=, and must go on. */
  readonly watched: boolean;
}

export interface Generation {
  readonly number: number;
  readonly state: GenerationState;
  /** What started it; of a reload, who asked. */
  readonly cause: "start" | "crash" | "signal" | "command";
  readonly startedAt: number;
  readonly deadlines: Deadlines<GenerationTimer>;
  readonly processes: readonly Process[];
}

/** A generation that is gone, as it was when it ended. */
export interface Ended extends Generation {
  readonly endedAt: number;
  readonly outcome: Outcome;
  /** The reload that it made fail, if it did. */
  readonly failure: Problem | null;
}

export type SetTimer = Timer & { readonly at: number };

/** A process and the generation that it belongs to. */
export interface Actor {
  readonly generation: Generation;
  readonly process: Process;
}

export interface State {
  /** "ending": nothing is started any more, every generation drains. */
  readonly phase: "running" | "ending" | "ended";
  /** A generation has been ready, and systemd knows. */
  readonly announced: boolean;
  readonly generations: readonly Generation[];
  /** The last few that ended, the newest last. */
  readonly ended: readonly Ended[];
  readonly lastNumber: number;
  /** The reload that runs, which systemd was told of by RELOADING=1. */
  readonly reload: { readonly askers: readonly number[] } | null;
  /** Those who asked for a reload since that one began. */
  readonly pending: readonly number[] | null;
  /** With "restart" nothing serves, and the next generation starts when the backoff is over. */
  readonly deadlines: Deadlines<OwnTimer>;
  /** When generations crashed of late. */
  readonly crashes: readonly number[];
  /** What went wrong last, or why it ends: part of STATUS=. */
  readonly problem: Problem | null;
  readonly exitStatus: number;
  /** The generation whose end may still change the exit status, 0 for none. */
  readonly decisive: number;
  /** The STATUS= that systemd was told last. */
  readonly told: string;
}

export const initialState: State = {
  phase: "running",
  announced: false,
  generations: [],
  ended: [],
  lastNumber: 0,
  reload: null,
  pending: null,
  deadlines: {},
  crashes: [],
  problem: null,
  decisive: 0,
  exitStatus: 0,
  told: "",
};

/** The current generation. */
export function serving(state: State): Generation | undefined {
  return state.generations.find(generation => generation.state === "serving");
}

/** The one that is to take over. */
export function candidate(state: State): Generation | undefined {
  return state.generations.find(({ state }) => state === "starting" || state === "settling");
}

/** The candidate, as long as an operator may abort it: one that settles has requests to answer already. */
export function abortable(state: State): Generation | undefined {
  return state.generations.find(generation => generation.state === "starting" && !hasDied(generation));
}

/** Whether nothing is under way: one generation serves, and what comes next comes from outside. */
export function isIdle({ generations }: State): boolean {
  return generations.length === 1 && generations[0]!.state === "serving";
}

export function findActor(state: State, number: number, slot: number): Actor | undefined {
  const generation = state.generations.find(generation => generation.number === number);
  return generation && actorsOf(generation).find(({ process }) => process.slot === slot);
}

export function actorsOf(generation: Generation): Actor[] {
  return generation.processes.map(process => ({ generation, process }));
}

/** Whether all of its main processes have ended, though it isn't gone yet. */
export function hasDied({ processes }: Generation): boolean {
  return processes.every(({ state }) => state === "dying");
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

export function named(generation: Generation): Named {
  return { number: generation.number, pids: pidsOf(generation) };
}

/** Every timer that is set, and when it fires. */
export function timersOf(state: State): SetTimer[] {
  const timers: object[] = [];
  collect(timers, state.deadlines, {});
  for (const { number: generation, deadlines, processes } of state.generations) {
    collect(timers, deadlines, { generation });
    for (const { slot, deadlines } of processes) collect(timers, deadlines, { generation, slot });
  }
  return timers as SetTimer[];
}

function collect(timers: object[], deadlines: Deadlines<string>, address: object): void {
  for (const timer in deadlines) timers.push({ timer, ...address, at: deadlines[timer] });
}
