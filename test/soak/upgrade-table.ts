// The table that a soak of upgrades prints at its end.

import { columns } from "../support/columns.js";
import { count, growth, SHOWN } from "./table.js";
import type { UpgradeSoakResult } from "./upgrade-run.js";

export function upgradeTable(result: UpgradeSoakResult): string {
  const { samples, lost, surprises } = result;
  const [first, last] = [samples[0]!.reloads, samples.at(-1)!.reloads];
  return [
    `After ${Math.round(result.seconds)} s of upgrades:`,
    columns(counts(result).map(([what, value]) => [what, count(value)])),
    `The supervisor, whenever one generation alone is there, from its reload ${first} to ${last}:`,
    columns(growth(result)),
    ...[...lost, ...surprises].slice(0, SHOWN),
  ].join("\n\n");
}

function counts({ requests, lost, upgrades, surprises }: UpgradeSoakResult): [string, number][] {
  return [
    ["requests", requests],
    ["lost", lost.length],
    ["rolling reloads that succeeded", upgrades.reloads],
    ["  and those that failed as planned, because one worker did", upgrades.failedAsPlanned],
    ["upgrades at random moments of these", upgrades.amid],
    ["upgrades while nothing was under way", upgrades.quiet],
    ["otherwise than planned", surprises.length],
  ];
}
