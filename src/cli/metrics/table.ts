// The options of `zerodown metrics`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP, SCOPE } from "../options/table.js";

export const METRICS = {
  name: "metrics",
  usage: "[options] UNIT…|--all",
  operand: "unit",
  about: [
    `
      Prints what there is to measure of each UNIT, in Prometheus's text format: reloads by their result and how long
      they took, crashes, ends of processes by their kind, workers by what they do, memory and CPU of each generation.
      The supervisor counts from its start; an upgrade of it goes on counting.`,
  ],
  options: {
    all: { help: "every unit of the manager that runs zerodown" },
    output: {
      value: "FILE",
      completes: "file",
      help: "write FILE in one step, instead of printing",
      more: `
        Write FILE in one step, so that whoever reads it finds the old one or the new one: for node_exporter's
        textfile collector, which reads the files of its directory that end with *.prom*.`,
    },
    ...SCOPE,
    ...HELP,
  },
  exits: [
    [0, "they were printed; of a unit whose supervisor can't be asked they say so"],
    [64, "wrong usage"],
    [69, "no such unit or bus"],
    [73, "FILE can't be written"],
    [77, "no permission"],
  ],
  examples: [
    "zerodown metrics app.service",
    "zerodown metrics --all --output /var/lib/prometheus/node-exporter/zerodown.prom",
  ],
} as const satisfies CommandTable;
