// How results are printed.

export function report(what: string, value: string, goal: string): void {
  console.log(`${what.padEnd(58)} ${value.padStart(14)}   ${goal}`.trimEnd());
}

/** Prints rows below a head; the first column to the left, the others to the right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  for (const row of rows) {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)));
    console.log(cells.join("  "));
  }
  console.log();
}
