// Tables for a terminal of a given width.

import { printable } from "../../systemd/formats/printable.js";
import { formatTimeSpan } from "../../systemd/formats/time-span.js";
import { cutText, textWidth } from "./text-width.js";

export type Column = readonly [title: string, align: "left" | "right"];

/** A row of fewer cells than columns ends with one that spans what is left. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string[] {
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

/** Before anything is painted: colours take no columns. */
export function clip(line: string, width: number): string {
  return cutText(printable(line), width).trimEnd();
}

/** The two largest units of a time span: days and hours, without the seconds. */
export function formatAge(microseconds: number): string {
  return formatTimeSpan(Math.max(microseconds, 0)).split(" ").slice(0, 2).join(" ");
}
