// The table that a soak prints at its end.

import { columns } from "../support/columns.js";
import type { SoakResult } from "./run.js";

/** How many lost requests and surprises are shown. */
const SHOWN = 20;

export function table(result: SoakResult): string {
  const { samples, lost, surprises } = result;
  const [first, last] = [samples[0]!.reloads, samples.at(-1)!.reloads];
  return [
    `After ${Math.round(result.seconds)} s:`,
    columns(counts(result).map(([what, value]) => [what, count(value)])),
    `The supervisor, whenever one generation alone is there, from its reload ${first} to ${last}:`,
    columns(growth(result)),
    ...[...lost, ...surprises].slice(0, SHOWN),
  ].join("\n\n");
}

function counts({ requests, killed, lost, reloads, stops, surprises }: SoakResult): [string, number][] {
  return [
    ["requests", requests.reloaded + requests.stopped],
    ["  of them to the service that is reloaded", requests.reloaded],
    ["  of them to the service that is stopped and started", requests.stopped],
    ["on connections whose generation was killed while it drained", killed],
    ["lost", lost.length],
    ["reloads asked for, by commands and signals", reloads.asked],
    ["  of them SIGHUP in storms", reloads.signals],
    ["reloads that succeeded; askers share one that begins after they asked", reloads.succeeded],
    ["reloads that failed as planned", reloads.failedAsPlanned],
    ["  of them because the candidate was killed", reloads.candidatesKilled],
    ["draining generations killed", reloads.drainingKilled],
    ["stops of the other service, each until a client starts it again", stops.stops],
    ["its restarts", stops.restarts],
    ["its reloads, some of them cut short by a stop", stops.reloads],
    ["otherwise than planned", surprises.length],
  ];
}

function growth(result: SoakResult): string[][] {
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
