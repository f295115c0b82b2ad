// The tables that a soak prints at its end.

import { columns } from "../support/columns.js";
import { WORKERS } from "./plan.js";
import type { SoakResult } from "./run.js";
import type { CrewTally } from "./tally.js";

/** How many lost requests and surprises are shown. */
export const SHOWN = 20;

export function table(result: SoakResult): string {
  const { samples, lost, surprises } = result;
  const [first, last] = [samples[0]!.reloads, samples.at(-1)!.reloads];
  return [
    `After ${Math.round(result.seconds)} s:`,
    columns(counts(result).map(([what, value]) => [what, count(value)])),
    `The services of ${WORKERS} workers:`,
    columns(crews(result)),
    `The supervisor, whenever one generation alone is there, from its reload ${first} to ${last}:`,
    columns(growth(result)),
    ...[...lost, ...surprises].slice(0, SHOWN),
  ].join("\n\n");
}

function counts({ requests, killed, lost, reloads, stops, crews, surprises }: SoakResult): [string, number][] {
  const toCrews = crews.reduce((sum, { requests }) => sum + requests, 0);
  return [
    ["requests", requests.reloaded + requests.stopped + toCrews],
    ["  of them to the service that is reloaded", requests.reloaded],
    ["  of them to the service that is stopped and started", requests.stopped],
    ["  of them to the services of several workers", toCrews],
    ["lost", lost.length],
    ["reloads asked for, by commands and signals", reloads.asked],
    ["  of them SIGHUP in storms", reloads.signals],
    ["reloads that succeeded; askers share one that begins after they asked", reloads.succeeded],
    ["reloads that failed as planned", reloads.failedAsPlanned],
    ["  of them because the candidate was killed", reloads.candidatesKilled],
    ["draining generations killed", reloads.drainingKilled],
    ["  requests that failed on their connections", killed],
    ["stops of the other service, each until a client starts it again", stops.stops],
    ["its restarts", stops.restarts],
    ["its reloads, some of them cut short by a stop", stops.reloads],
    ["otherwise than planned", surprises.length],
  ];
}

/** A column for each service. */
function crews({ crews }: SoakResult): string[][] {
  const rows: [string, (tally: CrewTally) => number][] = [
    ["requests", ({ requests }) => requests],
    ["lost", ({ lost }) => lost.length],
    ["reloads of all workers", ({ reloads }) => reloads],
    ["  and those that failed as planned", ({ failedAsPlanned }) => failedAsPlanned],
    ["other numbers of workers", ({ scalings }) => scalings],
    ["workers recycled by --max-age", ({ byAge }) => byAge],
    ["workers recycled by --max-memory", ({ byMemory }) => byMemory],
    ["workers killed", ({ crashes }) => crashes],
    ["  requests that failed on their connections", ({ killed }) => killed],
  ];
  return [
    ["", ...crews.map(({ name }) => name)],
    ...rows.map(([what, of]) => [what, ...crews.map(each => count(of(each)))]),
  ];
}

export function growth(result: Pick<SoakResult, "growth">): string[][] {
  const rows = result.growth.map(({ resource, first, last, per1000, grows }) => [
    resource,
    count(first),
    count(last),
    per1000.toFixed(1),
    grows ? "GROWS" : "",
  ]);
  return [["", "first", "last", "growth per 1,000 reloads", ""], ...rows];
}

export function count(value: number): string {
  return value.toLocaleString("en-US");
}
