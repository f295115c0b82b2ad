// Draws a timeline as lines of text: a line for each process, its past to the left, now at the right edge.

import { formatTimeSpan } from "../../systemd/formats/time-span.js";
import type { Paint } from "../terminal.js";
import { clip } from "./columns.js";
import type { Look } from "./text.js";
import { type Lane, LONGEST, type MarkKind, type Phase } from "./timeline.js";

type Colour = Parameters<Paint>[1];

/** They differ without colours, too. */
const PHASES: Record<Phase, readonly [glyph: string, colour: Colour]> = {
  waiting: ["·", "red"],
  starting: ["┄", "yellow"],
  settling: ["┅", "yellow"],
  serving: ["━", "green"],
  draining: ["─", "yellow"],
};
const MARKS: Record<MarkKind, readonly [glyph: string, colour: Colour]> = {
  ready: ["●", "green"],
  end: ["┤", "dim"],
  failure: ["✗", "red"],
};
/** What is shown of several marks in one column. */
const WEIGHTS: readonly MarkKind[] = ["ready", "end", "failure"];

/** How long a time the whole line may be, µs. */
const SPANS = [10e6, 20e6, 30e6, 60e6, 120e6, 300e6, LONGEST];
const STATE_WIDTH = 10;
/** So that the scale doesn't change with generation 10. */
const LEAST_NAME = 5;
/** With fewer columns there is nothing to see. */
const LEAST = 20;
/** How often what moves is drawn at most, and how often what rests. ms */
const MOVING = 250;
const RESTING = 1000;
const AGES = 10_000;

interface Scale {
  /** Of the column with names. */
  readonly names: number;
  /** µs */
  readonly span: number;
  readonly columns: number;
  readonly now: number;
}

/**
 * @param rows how many lines it may have
 * @returns lines without line feeds; none where the terminal is too narrow
 */
export function formatTimeline(lanes: readonly Lane[], now: number, look: Look, rows: number): string[] {
  const scale = scaleOf(lanes, now, look.width);
  if (scale.columns < LEAST) return [];
  const shown = lanes.filter(({ endedAt }) => endedAt === null || endedAt > now - scale.span);
  const visible = shown.length > rows - 2 ? shown.slice(0, Math.max(rows - 3, 1)) : shown;
  return [
    look.paint(`${"GEN".padEnd(scale.names)}${"STATE".padEnd(STATE_WIDTH)}${axis(scale)}`, "dim"),
    ...visible.map(lane => `${label(lane, scale, look.paint)}${bar(lane, scale, look.paint)}`),
    ...(shown.length > visible.length ? [`… and ${shown.length - visible.length} more`] : []),
    legend(look),
  ];
}

/** How long the picture stays true, ms. */
export function staysTrue(lanes: readonly Lane[], now: number, width: number): number {
  const { span, columns } = scaleOf(lanes, now, width);
  if (lastChanges(lanes, now).length === 0 || columns < LEAST) return AGES;
  const isMoving = lanes.some(({ endedAt, phases }) => endedAt === null && phases.at(-1)?.phase !== "serving");
  return Math.max(span / columns / 1e3, isMoving ? MOVING : RESTING);
}

/** As short as it can be with all that has changed lately. */
function scaleOf(lanes: readonly Lane[], now: number, width: number): Scale {
  const ages = lastChanges(lanes, now).map(at => now - at);
  const longest = ages.length > 0 ? Math.max(...ages) : LONGEST;
  // A terminal without an end has no scale.
  const names = 1 + Math.max(LEAST_NAME, ...lanes.map(lane => nameOf(lane).length));
  const columns = Number.isFinite(width) ? width - names - STATE_WIDTH : 0;
  return { names, span: SPANS.find(span => span > longest) ?? LONGEST, columns, now };
}

function lastChanges(lanes: readonly Lane[], now: number): number[] {
  return lanes
    .flatMap(({ phases, marks }) => [...phases.map(({ from }) => from), ...marks.map(({ at }) => at)])
    .filter(at => at > now - LONGEST);
}

function axis({ span, columns }: Scale): string {
  const ago = (time: number) => `${formatTimeSpan(time)} ago`;
  const [start, middle, end] = [ago(span), ago(span / 2), "now"];
  const half = Math.floor(columns / 2);
  const isRoomy = start.length + 2 <= half && half + middle.length + 2 + end.length <= columns;
  return `${isRoomy ? start.padEnd(half) + middle : start}`.padEnd(columns - end.length) + end;
}

function nameOf({ generation, slot }: Lane): string {
  return slot === null ? String(generation) : `${generation}/${slot}`;
}

function label(lane: Lane, { names }: Scale, paint: Paint): string {
  const { phases, endedAt } = lane;
  const phase = phases.at(-1)!.phase;
  const [state, colour] = endedAt === null ? [phase, PHASES[phase][1]] : ["ended", "dim" as const];
  return `${nameOf(lane).padEnd(names)}${paint(state, colour)}${" ".repeat(STATE_WIDTH - state.length)}`;
}

function bar(lane: Lane, { span, columns, now }: Scale, paint: Paint): string {
  const cells = Array.from({ length: columns }, (_, column) => {
    const to = now - span + ((column + 1) * span) / columns;
    return cell(lane, to - span / columns, to);
  });
  // Side by side, what looks the same is painted at once.
  let line = "";
  for (let from = 0, to = 0; from < columns; from = to) {
    while (to < columns && cells[to]![1] === cells[from]![1]) to++;
    const text = cells.slice(from, to).map(([glyph]) => glyph);
    const colour = cells[from]![1];
    line += colour === null ? text.join("") : paint(text.join(""), colour);
  }
  return line.trimEnd();
}

function cell({ phases, marks, endedAt }: Lane, from: number, to: number): readonly [string, Colour | null] {
  const here = marks.filter(({ at }) => at > from && at <= to).map(({ kind }) => WEIGHTS.indexOf(kind));
  if (here.length > 0) return MARKS[WEIGHTS[Math.max(...here)]!];
  if (endedAt !== null && endedAt <= to) return [" ", null];
  const current = phases.findLast(phase => phase.from <= to);
  return current ? PHASES[current.phase] : [" ", null];
}

function legend({ width, paint }: Look): string {
  const glyphs = [
    `${PHASES.starting[0]} starting`,
    `${MARKS.ready[0]} ready`,
    `${PHASES.serving[0]} serving`,
    `${PHASES.draining[0]} draining`,
    `${MARKS.end[0]} end`,
    `${MARKS.failure[0]} failure`,
  ];
  return paint(clip(glyphs.join("  "), width), "dim");
}
