// The lines that `zerodown status` prints: facts in, lines of a given width out.

import type { SocketReport } from "../../control/types.js";
import { printable } from "../../systemd/formats/printable.js";
import { formatTimeSpan } from "../../systemd/formats/time-span.js";
import type { Paint } from "../terminal.js";
import { type Column, clip, formatAge, formatTable } from "./columns.js";
import type { GenerationFacts, StatusFacts, UnitView, WorkerFacts } from "./facts.js";
import type { ForeignSocket } from "./foreign.js";
import type { Use } from "./processes.js";
import { textWidth } from "./text-width.js";

export interface Look {
  /** Columns; lines are cut there. `Infinity` for none. */
  readonly width: number;
  readonly paint: Paint;
}

interface Row {
  readonly state: GenerationFacts["state"] | WorkerFacts["state"] | "trial";
  readonly cells: readonly string[];
}

/** These stand in the tables only where an address has several accept queues. */
const QUEUE: Column = ["QUEUE", "right"];
const WAITING: Column = ["WAITING", "right"];
const socketColumns = (hasQueues: boolean): readonly Column[] => [
  ["FD", "right"],
  ["NAME", "left"],
  ...(hasQueues ? [QUEUE, WAITING] : []),
  ["ADDRESS", "left"],
];
const generationColumns = (hasQueues: boolean): readonly Column[] => [
  ["GEN", "right"],
  ["STATE", "left"],
  ["PID", "right"],
  ...(hasQueues ? [QUEUE] : []),
  ["AGE", "right"],
  ["MEMORY", "right"],
  ["CPU", "right"],
  ["PROCS", "right"],
  ["TASKS", "right"],
  ["SOCKETS", "right"],
  ["STATUS", "left"],
];
const RELEASE_COLUMNS: readonly Column[] = [
  ["GEN", "right"],
  ["ON DISK", "left"],
  ["DIRECTORY", "left"],
  ["COMMAND", "left"],
];
const COLOURS = {
  waiting: "red",
  trial: "yellow",
  starting: "yellow",
  settling: "yellow",
  serving: "green",
  draining: "yellow",
  ended: "dim",
} as const;
const UNIT_COLOURS: Record<string, "green" | "red" | "yellow"> = {
  active: "green",
  failed: "red",
  reloading: "yellow",
};

/**
 * @param timeline the lines of one, where there is one
 * @returns lines without line feeds
 */
export function formatStatus(facts: StatusFacts, look: Look, timeline: readonly string[] = []): string[] {
  const { unit, supervisor, now, sockets, foreignSockets, generations } = facts;
  const { width, paint } = look;
  const lines = unit ? unitLines(unit, generations, look) : [];
  if (!supervisor || now === null)
    return unit?.StatusText ? [...lines, ...wrapWords(`  ${unit.StatusText}`, width)] : lines;
  const { version, pid, status } = supervisor;
  const [head = "", ...more] = wrapWords(`zerodown ${version} (pid ${pid}): ${status}`, width);
  const hasQueues = sockets.some(({ queue }) => queue !== undefined);
  const socketTable = formatTable(
    socketColumns(hasQueues),
    sockets.map(socket => socketCells(socket, hasQueues)),
    width,
  );
  const rows = generations.flatMap(generation => generationRows(generation, now, hasQueues));
  const [title = "", ...drawn] = formatTable(
    generationColumns(hasQueues),
    rows.map(({ cells }) => cells),
    width,
  );
  return [
    head.replace(/^zerodown [^(]*/, name => paint(name, "bold")),
    ...more,
    ...lines,
    "",
    ...(timeline.length > 0 ? [...timeline, ""] : []),
    ...(sockets.length > 0 ? dimTitle(socketTable, look) : ["no sockets"]),
    ...foreignSockets.flatMap(foreign => wrapWords(foreignLine(foreign), width)).map(line => paint(line, "red")),
    "",
    paint(title, "dim"),
    ...drawn.map((line, index) => paintState(line, rows[index]!.state, paint)),
    ...releaseLines(generations, look),
  ];
}

/** What those that are there were started from. */
function releaseLines(generations: readonly GenerationFacts[], look: Look): string[] {
  const rows = generations.flatMap(({ number, release }) => {
    if (!release) return [];
    const { onDisk, directory = "-", arguments: args } = release;
    return [[String(number), onDisk ? "yes" : "no", directory, args.join(" ")]];
  });
  return rows.length > 0 ? ["", ...dimTitle(formatTable(RELEASE_COLUMNS, rows, look.width), look)] : [];
}

function unitLines(unit: UnitView, generations: readonly GenerationFacts[], { width, paint }: Look): string[] {
  const { Id, LoadState, ActiveState, SubState, Result, ReloadResult, MainPID, NRestarts } = unit;
  const facts = [
    ...(LoadState === "loaded" ? [] : [`LoadState=${LoadState}`]),
    // Targets and the like have neither.
    ...(Result === "success" || !Result ? [] : [`Result=${Result}`]),
    ...(ReloadResult === "success" || !ReloadResult ? [] : [`ReloadResult=${ReloadResult}${since(generations)}`]),
    `MainPID=${MainPID}`,
    `NRestarts=${NRestarts}`,
    `TimeoutStartUSec=${formatTimeout(unit.TimeoutStartUSec)}`,
    `TimeoutStopUSec=${formatTimeout(unit.TimeoutStopUSec)}`,
  ];
  const [first = "", ...more] = wrap([`${Id}: ${ActiveState} (${SubState})`, ...facts], ", ", width);
  const colour = UNIT_COLOURS[ActiveState];
  const stale = [
    ...(unit.NeedDaemonReload ? ["its files have changed since systemd read them: daemon-reload"] : []),
    ...(unit.ExecStartChanged ? ["ExecStart= has changed since it was started, and takes a restart"] : []),
  ];
  const state = [colour ? first.replace(`: ${ActiveState} `, `: ${paint(ActiveState, colour)} `) : first, ...more];
  return [...state, ...stale.flatMap(line => wrapWords(`  ${line}`, width)).map(line => paint(line, "yellow"))];
}

/**
 * systemd knows only of reloads by itself: its ReloadResult= stays when a rollback, or another reload that it has no part in,
 * has succeeded since.
 */
function since(generations: readonly GenerationFacts[]): string {
  const failed = generations.find(({ state, trial, outcome }) => {
    return state === "ended" && !trial && /^(?:starting|settling)$/.test(outcome?.state ?? "");
  });
  const current = generations.find(({ state }) => state === "serving");
  if (!failed || !current || current.number < failed.number) return "";
  return ` (generation ${failed.number}'s; since then generation ${current.number} has begun to serve)`;
}

/** Parts side by side, as many as fit into a line; further lines are indented. */
function wrap(parts: readonly string[], separator: string, width: number): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  for (const part of parts) {
    const longer: string = line === undefined ? part : `${line}${separator}${part}`;
    if (line === undefined || textWidth(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = `  ${part}`;
    }
  }
  return [...lines, line ?? ""].map(each => clip(each, width));
}

/** The text tells what went wrong, and must not be cut. */
function wrapWords(text: string, width: number): string[] {
  return wrap(printable(text).split(" "), " ", width);
}

function socketCells({ fd, name, queue, waiting, address, stored, slot }: SocketReport, hasQueues: boolean): string[] {
  const queueCells = hasQueues ? [String(queue ?? "-"), String(waiting ?? "-")] : [];
  const origin = stored ? ` (stored${slot === undefined ? "" : `, worker ${slot}`})` : "";
  return [String(fd), name, ...queueCells, `${address}${origin}`];
}

function foreignLine({ address, holders }: ForeignSocket): string {
  const who = holders.map(({ pid, name }) => `process ${pid} (${name})`).join(", ") || "a process that we may not see";
  return `${address}: ${who} listens there, too, and gets a share of its clients`;
}

/** A generation's row, and those of its workers. */
function generationRows(generation: GenerationFacts, now: number, hasQueues: boolean): Row[] {
  const workers = (generation.workers ?? []).toSorted((a, b) => a.slot - b.slot);
  const row = (
    state: Row["state"],
    [number = "", name = "", pid = "", ...rest]: string[],
    queues: readonly number[],
  ) => ({
    state,
    cells: [number, name, pid, ...(hasQueues ? [queues.join(",") || "-"] : []), ...rest],
  });
  return [
    row(stateOf(generation), generationCells(generation, now), []),
    ...workers.map(worker => row(worker.state, workerCells(generation, worker, now), worker.queues)),
  ];
}

function stateOf({ state, trial }: GenerationFacts): Row["state"] {
  return trial && state !== "ended" ? "trial" : state;
}

function generationCells(generation: GenerationFacts, now: number): string[] {
  const { number, pid, startedAt, endedAt, status, end, outcome, workers } = generation;
  const who = [String(number), stateOf(generation), pid === null || workers ? "-" : String(pid)];
  if (endedAt !== null) {
    // Of one that never served, the supervisor gives it as the reason.
    const isTold = outcome?.lastStatus === status;
    const last = status && !isTold ? `; its last status: ${status}` : "";
    return [...who, `${formatAge(now - endedAt)} ago, after ${formatAge(endedAt - startedAt)}: ${end ?? ""}${last}`];
  }
  return [...who, formatAge(now - startedAt), ...useCells(generation), workers ? "" : saidBy(generation)];
}

/** Its own STATUS=, and what there is to say of it beside that. */
function saidBy({ status, weight }: Pick<GenerationFacts, "status" | "weight">, ...more: string[]): string {
  const share = weight ? `cpu.weight ${weight} until it is ready` : "";
  return [status, share, ...more].filter(Boolean).join("; ");
}

function workerCells({ number }: GenerationFacts, worker: WorkerFacts, now: number): string[] {
  const { slot, state, pid, startedAt, restarts, last } = worker;
  const times = restarts === 1 ? "once" : `${restarts} times`;
  const crashes = restarts > 0 ? `started again ${times}, the last one ${last}` : "";
  return [
    ...[`${number}/${slot}`, state, pid === null ? "-" : String(pid), formatAge(now - startedAt)],
    ...useCells(worker),
    saidBy(worker, crashes),
  ];
}

function useCells({ processes, tasks, memory, cpu, openSockets }: Pick<WorkerFacts, keyof Use>): string[] {
  return [
    memory === null ? "-" : formatBytes(memory),
    cpu === null ? "-" : formatAge(cpu),
    processes === null ? "-" : String(processes.length),
    tasks === null ? "-" : String(tasks),
    openSockets === null ? "-" : String(openSockets),
  ];
}

function dimTitle([title = "", ...rows]: readonly string[], { paint }: Look): string[] {
  return [paint(title, "dim"), ...rows];
}

function paintState(row: string, state: Row["state"], paint: Paint): string {
  if (state === "ended") return paint(row, "dim");
  return row.replace(state, text => paint(text, COLOURS[state]));
}

function formatTimeout(microseconds: number | null): string {
  return formatTimeSpan(microseconds ?? Number.POSITIVE_INFINITY);
}

/** As systemd writes them: "512B", "40.2M". */
function formatBytes(bytes: number): string {
  const units = ["B", "K", "M", "G", "T"];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))}${units[unit]}`;
}
