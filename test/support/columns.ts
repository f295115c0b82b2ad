// Tables of plain text.

/** Aligns the first column to the left, the others to the right, with a gap between them. */
export function columns(rows: readonly (readonly string[])[], gap = "   "): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => (row[column] ?? "").length)));
  const pad = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return rows.map(row => row.map(pad).join(gap).trimEnd()).join("\n");
}
