// The lines that `zerodown status` prints: facts in, lines of a given width out.

import { printable } from "../../systemd/formats/printable.js";
import { formatTimeSpan } from "../../systemd/formats/time-span.js";
import type { Paint } from "../terminal.js";
import type { GenerationFacts, StatusFacts, UnitFacts } from "./facts.js";
import { cutText, textWidth } from "./text-width.js";

export interface Look {
  /** Columns; lines are cut there. `Infinity` for none. */
  readonly width: number;
  readonly paint: Paint;
}

type Column = readonly [title: string, align: "left" | "right"];

const SOCKET_COLUMNS: readonly Column[] = [
  ["FD", "right"],
  ["NAME", "left"],
  ["ADDRESS", "left"],
];
const GENERATION_COLUMNS: readonly Column[] = [
  ["GEN", "right"],
  ["STATE", "left"],
  ["PID", "right"],
  ["AGE", "right"],
  ["MEMORY", "right"],
  ["CPU", "right"],
  ["PROCS", "right"],
  ["TASKS", "right"],
  ["SOCKETS", "right"],
  ["STATUS", "left"],
];
const COLOURS = { starting: "yellow", settling: "yellow", serving: "green", draining: "yellow", ended: "dim" } as const;
const UNIT_COLOURS: Record<string, "green" | "red" | "yellow"> = {
  active: "green",
  failed: "red",
  reloading: "yellow",
};

/** @returns lines without line feeds */
export function formatStatus({ unit, supervisor, now, sockets, generations }: StatusFacts, look: Look): string[] {
  const { width, paint } = look;
  const lines = unit ? unitLines(unit, look) : [];
  if (!supervisor || now === null)
    return unit?.StatusText ? [...lines, ...wrapWords(`  ${unit.StatusText}`, width)] : lines;
  const { version, pid, status } = supervisor;
  const [head = "", ...more] = wrapWords(`zerodown ${version} (pid ${pid}): ${status}`, width);
  const socketTable = formatTable(
    SOCKET_COLUMNS,
    sockets.map(({ fd, name, address, stored }) => [String(fd), name, stored ? `${address} (stored)` : address]),
    width,
  );
  const [title = "", ...rows] = formatTable(
    GENERATION_COLUMNS,
    generations.map(generation => generationCells(generation, now)),
    width,
  );
  return [
    head.replace(/^zerodown [^(]*/, name => paint(name, "bold")),
    ...more,
    ...lines,
    "",
    ...(sockets.length > 0 ? dimTitle(socketTable, look) : ["no sockets"]),
    "",
    paint(title, "dim"),
    ...rows.map((row, index) => paintState(row, generations[index]!.state, paint)),
  ];
}

function unitLines(unit: UnitFacts, { width, paint }: Look): string[] {
  const { Id, LoadState, ActiveState, SubState, Result, ReloadResult, MainPID, NRestarts } = unit;
  const facts = [
    ...(LoadState === "loaded" ? [] : [`LoadState=${LoadState}`]),
    // Targets and the like have neither.
    ...(Result === "success" || !Result ? [] : [`Result=${Result}`]),
    ...(ReloadResult === "success" || !ReloadResult ? [] : [`ReloadResult=${ReloadResult}`]),
    `MainPID=${MainPID}`,
    `NRestarts=${NRestarts}`,
    `TimeoutStartUSec=${formatTimeout(unit.TimeoutStartUSec)}`,
    `TimeoutStopUSec=${formatTimeout(unit.TimeoutStopUSec)}`,
  ];
  const [first = "", ...more] = wrap([`${Id}: ${ActiveState} (${SubState})`, ...facts], ", ", width);
  const colour = UNIT_COLOURS[ActiveState];
  return [colour ? first.replace(`: ${ActiveState} `, `: ${paint(ActiveState, colour)} `) : first, ...more];
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

/** What went wrong is told here: it must not be cut. */
function wrapWords(text: string, width: number): string[] {
  return wrap(printable(text).split(" "), " ", width);
}

function generationCells(generation: GenerationFacts, now: number): string[] {
  const { number, state, pid, startedAt, endedAt, status, end, outcome, processes, tasks, memory, cpu, openSockets } =
    generation;
  const who = [String(number), state, pid === null ? "-" : String(pid)];
  if (endedAt !== null) {
    // Of one that never served, the supervisor gives it as the reason.
    const isTold = outcome?.lastStatus === status;
    const last = status && !isTold ? `; its last status: ${status}` : "";
    return [...who, `${formatAge(now - endedAt)} ago, after ${formatAge(endedAt - startedAt)}: ${end ?? ""}${last}`];
  }
  return [
    ...who,
    formatAge(now - startedAt),
    memory === null ? "-" : formatBytes(memory),
    cpu === null ? "-" : formatAge(cpu),
    processes === null ? "-" : String(processes.length),
    tasks === null ? "-" : String(tasks),
    openSockets === null ? "-" : String(openSockets),
    status,
  ];
}

/** A row of fewer cells than columns ends with one that spans what is left. */
function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string[] {
  const all = [columns.map(([title]) => title), ...rows].map(row => row.map(printable));
  const isSpanning = (row: readonly string[], index: number) => index === row.length - 1;
  const widths = columns.map((_, index) =>
    Math.max(...all.map(row => (isSpanning(row, index) ? 0 : textWidth(row[index] ?? "")))),
  );
  return all.map(row => {
    const cells = row.map((cell, index) => {
      if (isSpanning(row, index)) return cell;
      const blanks = " ".repeat(widths[index]! - textWidth(cell));
      return columns[index]![1] === "right" ? `${blanks}${cell}` : `${cell}${blanks}`;
    });
    return clip(cells.join("  "), width);
  });
}

function dimTitle([title = "", ...rows]: readonly string[], { paint }: Look): string[] {
  return [paint(title, "dim"), ...rows];
}

/** Before anything is painted: colours take no columns. */
function clip(line: string, width: number): string {
  return cutText(printable(line), width).trimEnd();
}

function paintState(row: string, state: GenerationFacts["state"], paint: Paint): string {
  if (state === "ended") return paint(row, "dim");
  return row.replace(state, text => paint(text, COLOURS[state]));
}

/** The two largest units of a time span: days and hours, without the seconds. */
function formatAge(microseconds: number): string {
  return formatTimeSpan(Math.max(microseconds, 0)).split(" ").slice(0, 2).join(" ");
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
