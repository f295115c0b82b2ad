// What `zerodown status` knows: the supervisor's report, systemd's view of the unit, and what /proc tells.

import type { GenerationReport, OutcomeReport, SocketReport, StatusReport } from "../../control/types.js";
import type { UnitProperties } from "../../systemd/dbus.js";
import { readUse, type Use } from "./processes.js";

/** What --json prints. Sizes are bytes; times are µs, and points in time µs of CLOCK_MONOTONIC. */
export interface StatusFacts {
  /** null without a UNIT. */
  readonly unit: UnitFacts | null;
  /** null when the unit isn't running. */
  readonly supervisor: { readonly pid: number; readonly version: string; readonly status: string } | null;
  /** When it was so. */
  readonly now: number | null;
  readonly sockets: readonly SocketReport[];
  /** The newest first. */
  readonly generations: readonly GenerationFacts[];
}

export interface GenerationFacts {
  readonly number: number;
  readonly state: GenerationReport["state"];
  readonly pid: number | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly status: string;
  /** How it ended, and why. */
  readonly end: string | null;
  /** The same as values. */
  readonly outcome: OutcomeReport | null;
  /** Its cgroup, where it has one of its own, as in /proc/PID/cgroup. */
  readonly cgroup: string | null;
  /** Its pids; like what they use null for one that ended, or where /proc doesn't show them. */
  readonly processes: readonly number[] | null;
  readonly tasks: Use["tasks"] | null;
  readonly memory: Use["memory"] | null;
  readonly cpu: Use["cpu"] | null;
  readonly openSockets: Use["openSockets"];
}

/** By the names that systemd gives them: org.freedesktop.systemd1(5). */
export interface UnitFacts {
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
}

const USEC_INFINITY = 2n ** 64n - 1n;

/** Looks /proc up for the processes of a report's generations. */
export function gatherFacts(report: StatusReport, unit: UnitFacts | null): StatusFacts {
  const { now, pid, version, status, sockets, generations } = report;
  const running = generations.flatMap(({ pid, state, cgroup }) => (pid && state !== "ended" ? [{ pid, cgroup }] : []));
  const use = readUse(pid, running);
  return {
    unit,
    supervisor: { pid, version, status },
    now,
    sockets,
    generations: generations
      .map(generation =>
        generationFacts(generation, generation.state === "ended" ? undefined : use.get(generation.pid ?? 0)),
      )
      .sort((a, b) => b.number - a.number),
  };
}

/** Of a unit that isn't running there is no more to tell. */
export function stoppedFacts(unit: UnitFacts): StatusFacts {
  return { unit, supervisor: null, now: null, sockets: [], generations: [] };
}

export function unitFacts(properties: UnitProperties): UnitFacts {
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
  };
}

function generationFacts(generation: GenerationReport, use: Use | undefined): GenerationFacts {
  const { number, state, pid, startedAt, endedAt, status, end, outcome, cgroup } = generation;
  return {
    number,
    state,
    pid: pid ?? null,
    startedAt,
    endedAt: endedAt ?? null,
    status,
    end: end ?? null,
    outcome: outcome ?? null,
    cgroup: cgroup ?? null,
    processes: use?.processes ?? null,
    tasks: use?.tasks ?? null,
    memory: use?.memory ?? null,
    cpu: use?.cpu ?? null,
    openSockets: use?.openSockets ?? null,
  };
}
