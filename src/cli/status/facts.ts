// Gathers all that `zerodown status` knows: the supervisor's report, systemd's view of the unit, and what /proc tells.

import type {
  GenerationReport,
  OutcomeReport,
  ReleaseReport,
  SocketReport,
  StatusReport,
  WorkerReport,
} from "../../control/types.js";
import type { UnitProperties } from "../../systemd/dbus.js";
import { commandOf, execCommands, isStartedOtherwise } from "../check/command-line.js";
import { type ForeignSocket, foreignSockets } from "./foreign.js";
import { readUse, type Use } from "./processes.js";

/** --json prints these. Sizes are bytes; times are µs, and points in time µs of CLOCK_MONOTONIC. */
export interface StatusFacts {
  /** null without a UNIT. */
  readonly unit: UnitView | null;
  /** null when the unit isn't running. */
  readonly supervisor: { readonly pid: number; readonly version: string; readonly status: string } | null;
  /** When it was so. */
  readonly now: number | null;
  readonly sockets: readonly SocketReport[];
  /** Looked for only where an address has several accept queues. */
  readonly foreignSockets: readonly ForeignSocket[];
  /** The newest first. */
  readonly generations: readonly GenerationFacts[];
  /** Real paths of what may be started again, and so must not be removed; null when the supervisor doesn't say. */
  readonly releasePaths: readonly string[] | null;
}

export interface GenerationFacts {
  readonly number: number;
  readonly state: GenerationReport["state"];
  readonly pid: number | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** It is, or was, only tried: zerodown reload --dry-run. */
  readonly trial?: true;
  readonly status: string;
  /** How it ended, and why. */
  readonly end: string | null;
  /** The same as values. */
  readonly outcome: OutcomeReport | null;
  /** The cgroup of its own, where it has one, as in /proc/PID/cgroup. */
  readonly cgroup: string | null;
  /** The cpu.weight of that, where it is a boot's. */
  readonly weight?: number;
  /** What it was started from; null when it has ended, or its supervisor doesn't say. */
  readonly release: ReleaseReport | null;
  /** Where it has several processes; what they use is then in sum what the generation uses. */
  readonly workers?: readonly WorkerFacts[];
  /** The pids of its processes. Like the use of them it is null when it has ended, or /proc doesn't show them. */
  readonly processes: readonly number[] | null;
  readonly tasks: Use["tasks"] | null;
  readonly memory: Use["memory"] | null;
  readonly cpu: Use["cpu"] | null;
  readonly openSockets: Use["openSockets"];
}

export interface WorkerFacts extends Pick<GenerationFacts, keyof Use> {
  readonly slot: number;
  readonly state: WorkerReport["state"];
  readonly pid: number | null;
  /** Which accept queue it has of each address that has several. */
  readonly queues: readonly number[];
  readonly startedAt: number;
  readonly status: string;
  readonly restarts: number;
  /** How the one before it ended, if that crashed. */
  readonly last: string | null;
  readonly cgroup: string | null;
  readonly weight?: number;
}

/** By the names that systemd gives them: org.freedesktop.systemd1(5). */
export interface UnitView {
  readonly Id: string;
  readonly LoadState: string;
  readonly ActiveState: string;
  readonly SubState: string;
  readonly Result: string;
  readonly ReloadResult: string;
  readonly StatusText: string;
  readonly MainPID: number;
  readonly NRestarts: number;
  /** null is infinity. */
  readonly TimeoutStartUSec: number | null;
  readonly TimeoutStopUSec: number | null;
  /** The unit's files have changed since systemd read them. */
  readonly NeedDaemonReload?: true;
  /** Not systemd's: the supervisor was started with other words than ExecStart= has now. */
  readonly ExecStartChanged?: true;
}

const USEC_INFINITY = 2n ** 64n - 1n;

/** Looks /proc up for the processes of a report's generations. */
export function statusFacts(report: StatusReport, unit: UnitView | null): StatusFacts {
  const { now, pid, version, status, sockets, generations, releasePaths = null } = report;
  const alive = generations.filter(({ state }) => state !== "ended");
  const running = alive
    .flatMap((generation): readonly Pick<WorkerReport, "pid" | "cgroup">[] => generation.workers ?? [generation])
    .flatMap(({ pid, cgroup }) => (pid ? [{ pid, cgroup }] : []));
  const use = readUse(pid, running);
  return {
    unit,
    supervisor: { pid, version, status },
    now,
    sockets,
    foreignSockets: sockets.some(({ queue }) => queue !== undefined) ? foreignSockets(pid) : [],
    generations: generations
      .map(generation => generationFacts(generation, generation.state === "ended" ? new Map() : use))
      .sort((a, b) => b.number - a.number),
    releasePaths,
  };
}

/** There is no more to tell of a unit that isn't running. */
export function stoppedFacts(unit: UnitView): StatusFacts {
  return { unit, supervisor: null, now: null, sockets: [], foreignSockets: [], generations: [], releasePaths: null };
}

export function unitFacts(properties: UnitProperties): UnitView {
  const text = (name: string) => String(properties[name] ?? "");
  const number = (name: string) => Number(properties[name] ?? 0);
  const time = (name: string) => (properties[name] === USEC_INFINITY ? null : number(name));
  return {
    Id: text("Id"),
    LoadState: text("LoadState"),
    ActiveState: text("ActiveState"),
    SubState: text("SubState"),
    Result: text("Result"),
    ReloadResult: text("ReloadResult"),
    StatusText: text("StatusText"),
    MainPID: number("MainPID"),
    NRestarts: number("NRestarts"),
    TimeoutStartUSec: time("TimeoutStartUSec"),
    TimeoutStopUSec: time("TimeoutStopUSec"),
    ...(properties.NeedDaemonReload ? { NeedDaemonReload: true } : {}),
    ...(hasOtherCommand(properties) ? { ExecStartChanged: true } : {}),
  };
}

function hasOtherCommand({ MainPID, ExecStart }: UnitProperties): boolean {
  const running = commandOf(Number(MainPID ?? 0));
  const [start] = execCommands(ExecStart);
  return running !== undefined && start !== undefined && isStartedOtherwise([start.path, ...start.args], running);
}

function generationFacts(generation: GenerationReport, use: ReadonlyMap<number, Use>): GenerationFacts {
  const { number, state, pid, startedAt, endedAt, trial, status, end, outcome, cgroup, weight, release } = generation;
  const workers = generation.workers?.map(worker => workerFacts(worker, use.get(worker.pid ?? 0)));
  return {
    number,
    state,
    pid: pid ?? null,
    startedAt,
    endedAt: endedAt ?? null,
    ...(trial ? { trial } : {}),
    status,
    end: end ?? null,
    outcome: outcome ?? null,
    cgroup: cgroup ?? null,
    ...(weight ? { weight } : {}),
    release: release ?? null,
    ...(workers ? { workers } : {}),
    ...useFacts(workers ? sumOf(workers) : use.get(pid ?? 0)),
  };
}

function workerFacts(worker: WorkerReport, use: Use | undefined): WorkerFacts {
  const { slot, state, pid, queues, startedAt, status, restarts, last, cgroup, weight } = worker;
  return {
    ...{ slot, state, startedAt, status, restarts },
    pid: pid ?? null,
    queues: queues ?? [],
    last: last ?? null,
    cgroup: cgroup ?? null,
    ...(weight ? { weight } : {}),
    ...useFacts(use),
  };
}

function useFacts(use: Use | undefined): Pick<WorkerFacts, keyof Use> {
  const { processes = null, tasks = null, memory = null, cpu = null, openSockets = null } = use ?? {};
  return { processes, tasks, memory, cpu, openSockets };
}

/** undefined where nothing is known of any of them. */
function sumOf(workers: readonly WorkerFacts[]): Use | undefined {
  const known = workers.filter(({ processes }) => processes !== null);
  if (known.length === 0) return undefined;
  const sum = (count: (worker: WorkerFacts) => number | null) =>
    known.reduce((total, worker) => total + (count(worker) ?? 0), 0);
  return {
    processes: known.flatMap(({ processes }) => processes!),
    tasks: sum(({ tasks }) => tasks),
    memory: sum(({ memory }) => memory),
    cpu: sum(({ cpu }) => cpu),
    openSockets: known.some(({ openSockets }) => openSockets === null) ? null : sum(({ openSockets }) => openSockets),
  };
}
