// What `zerodown metrics` tells of each unit: docs/metrics.md explains it.

import type { CountsReport, StatusReport } from "../../control/types.js";
import type { GenerationFacts, UnitView } from "../status/facts.js";

export interface Sample {
  readonly unit: UnitView;
  /** null where none runs, or it can't be asked. */
  readonly supervisor: Supervised | null;
}

export interface Supervised {
  readonly report: StatusReport;
  readonly generations: readonly GenerationFacts[];
  /** Whether this command is newer. */
  readonly older: boolean;
}

/** One line: what comes after the family's name, the labels beside that of the unit, and the value. */
export interface Row {
  readonly suffix?: "_sum" | "_count";
  readonly labels?: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Names, types and units are as Prometheus wants them. */
export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "summary";
  readonly help: string;
  readonly rows: (sample: Sample) => readonly Row[];
}

const WORKER_STATES = ["waiting", "starting", "settling", "serving", "draining"] as const;

export const FAMILIES: readonly Family[] = [
  {
    name: "zerodown_up",
    type: "gauge",
    help: "Whether the supervisor of the unit has answered.",
    rows: ({ supervisor }) => [{ value: supervisor ? 1 : 0 }],
  },
  {
    name: "zerodown_restarts_total",
    type: "counter",
    help: "How often systemd has restarted the unit by its Restart=.",
    rows: ({ unit }) => [{ value: unit.NRestarts }],
  },
  {
    name: "zerodown_supervisor_info",
    type: "gauge",
    help: "The version of zerodown that supervises.",
    rows: supervised(({ report }) => [{ labels: { version: report.version }, value: 1 }]),
  },
  {
    name: "zerodown_supervisor_older",
    type: "gauge",
    help: "Whether the supervisor is of an older version than the command zerodown.",
    rows: supervised(({ older }) => [{ value: older ? 1 : 0 }]),
  },
  {
    name: "zerodown_generation",
    type: "gauge",
    help: "The number of the generation that serves.",
    rows: supervised(({ report }) =>
      report.generations.filter(({ state }) => state === "serving").map(({ number }) => ({ value: number })),
    ),
  },
  {
    name: "zerodown_workers_wanted",
    type: "gauge",
    help: "How many processes are to serve.",
    rows: supervised(({ report }) => (report.workers === undefined ? [] : [{ value: report.workers }])),
  },
  {
    name: "zerodown_workers",
    type: "gauge",
    help: "Processes of all generations, by what they do.",
    rows: supervised(({ report }) => {
      const states = report.generations
        .filter(({ state, trial }) => state !== "ended" && !trial)
        .flatMap(({ state, workers }) => workers?.map(({ state }) => state) ?? [state]);
      return WORKER_STATES.map(state => ({
        labels: { state },
        value: states.filter(other => other === state).length,
      }));
    }),
  },
  {
    name: "zerodown_reload_duration_seconds",
    type: "summary",
    help: "Reloads by their result, and how long they took from the start of the new generation on.",
    rows: counted(({ reloads }) =>
      Object.entries(reloads).flatMap(([result, { count, time }]) => [
        { suffix: "_sum", labels: { result }, value: seconds(time) },
        { suffix: "_count", labels: { result }, value: count },
      ]),
    ),
  },
  {
    name: "zerodown_crashes_total",
    type: "counter",
    help: "Processes that ended without being told to while they served, or were to replace one that did.",
    rows: counted(({ crashes }) => [{ value: crashes }]),
  },
  {
    name: "zerodown_process_ends_total",
    type: "counter",
    help: "Processes that have ended, by how: on their own (exit, signal) or at a limit (stop-timeout and others).",
    rows: counted(({ ends }) => tagged("kind", ends)),
  },
  {
    name: "zerodown_recycled_total",
    type: "counter",
    help: "Workers that another one was started for, because of their age or their memory.",
    rows: counted(({ recycled }) => tagged("reason", recycled)),
  },
  {
    name: "zerodown_generation_memory_bytes",
    type: "gauge",
    help: "Memory of a generation: what its cgroup is charged for, else resident.",
    rows: ofGenerations(({ memory }) => memory),
  },
  {
    name: "zerodown_generation_cpu_seconds_total",
    type: "counter",
    help: "CPU time of a generation; where it has several workers, of each process.",
    rows: supervised(({ generations }) => generations.flatMap(cpuRows)),
  },
];

function supervised(rows: (supervisor: Supervised) => readonly Row[]): Family["rows"] {
  return ({ supervisor }) => (supervisor ? rows(supervisor) : []);
}

/** An older supervisor doesn't count. */
function counted(rows: (counts: CountsReport) => readonly Row[]): Family["rows"] {
  return supervised(({ report: { counts } }) => (counts ? rows(counts) : []));
}

/** Of those that have not ended, as far as the kernel tells. */
function ofGenerations(value: (generation: GenerationFacts) => number | null): Family["rows"] {
  return supervised(({ generations }) =>
    generations.flatMap(generation => {
      const known = value(generation);
      return known === null ? [] : [{ labels: { generation: generation.number }, value: known }];
    }),
  );
}

/** A sum over workers would fall when one of them ends, which no counter may. */
function cpuRows({ number, workers, cpu }: GenerationFacts): Row[] {
  const generation = { generation: number };
  const parts = workers?.map(({ slot, pid, cpu }) => ({ labels: { ...generation, worker: slot, pid: pid ?? 0 }, cpu }));
  return (parts ?? [{ labels: generation, cpu }]).flatMap(({ labels, cpu }) =>
    cpu === null ? [] : [{ labels, value: seconds(cpu) }],
  );
}

function tagged(label: string, values: Readonly<Record<string, number>>): Row[] {
  return Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
}

function seconds(microseconds: number): number {
  return microseconds / 1e6;
}
