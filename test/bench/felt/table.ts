// The tables of what clients feel of a reload, and their place in docs/benchmark.md.

import { readFileSync, writeFileSync } from "node:fs";
import { columns } from "../../support/columns.js";
import { median } from "../../support/median.js";
import { PERCENTILES } from "../statistics.js";
import { CELLS, type Cell, CLIENTS, describeCell, isPlain } from "./cell.js";
import type { Felt } from "./measure.js";

const BEGIN = "<!-- what clients feel: written by make bench -->";
const END = "<!-- end -->";

/** A boot of the app alone, ms. */
export interface OwnBoot {
  readonly node: number;
}

/** Lines that fit 100 columns. */
export function feltTables(all: readonly Felt[], boot: OwnBoot): string {
  const cells = CELLS.flatMap(cell => {
    const here = all.filter(felt => isSame(felt.cell, cell));
    return here.length > 0 ? [ratios(cell, here)] : [];
  });
  const plain = all.filter(({ cell }) => isPlain(cell));
  return [...cells, ...(plain.length > 0 ? [times(plain, boot)] : [])].join("\n\n");
}

function isSame(one: Cell, other: Cell): boolean {
  return one.boot === other.boot && one.workers === other.workers && one.load === other.load;
}

/** Each percentile in reloads beside the same run without, and what it is. */
function ratios(cell: Cell, here: readonly Felt[]): string {
  return columns(
    [
      [describeCell(cell), ...PERCENTILES.map(name => `× ${name}`), "p99", "p99.9", "ms without", "lost"],
      ...here.map(({ name, ratio, reloading, quiet, lost }) => [
        name,
        ...PERCENTILES.map(percentile => ratio[percentile].toFixed(1)),
        ...[reloading.p99, reloading["p99.9"]].map(time => `${time.toFixed(1)} ms`),
        `${quiet.p99.toFixed(1)}, ${quiet["p99.9"].toFixed(1)}`,
        String(lost),
      ]),
    ],
    "  ",
  );
}

function times(plain: readonly Felt[], { node }: OwnBoot): string {
  const kept = CLIENTS / 2;
  return columns(
    [
      [
        `${plain[0]!.reloads.length} reloads one by one`,
        "asked to served",
        "less a boot",
        "to old gone",
        "reconnected",
      ],
      ...plain.map(({ name, reloads, reconnected }) => {
        const served = median(reloads.map(({ asked, serving }) => serving - asked));
        const gone = median(reloads.map(({ asked, gone }) => gone - asked));
        return [
          name,
          `${served.toFixed(0)} ms`,
          // gunicorn's and puma's workers are forked, and boot in 300 ms.
          `${(served - (/gunicorn|puma/.test(name) ? 300 : node)).toFixed(0)} ms`,
          `${gone.toFixed(0)} ms`,
          `${reconnected} of ${kept * reloads.length}`,
        ];
      }),
    ],
    "  ",
  );
}

/** Puts the tables between the two comments of the page that are there for them. */
export function writeInto(page: string, machine: string, tables: string): void {
  const text = readFileSync(page, "utf8");
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END, text.indexOf(BEGIN))];
  if (before < 0 || after < 0) throw new Error(`${page} has no place for what clients feel: ${BEGIN} … ${END}`);
  const block = `${BEGIN}\n${machine}\n\n\`\`\`\n${tables}\n\`\`\`\n`;
  writeFileSync(page, text.slice(0, before) + block + text.slice(after));
}
