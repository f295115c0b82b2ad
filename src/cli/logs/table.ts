// The options of `zerodown logs`, as its parser, --help, the man page and completion have them.

import type { NewsEvent } from "../../machine/news.js";
import { type CommandTable, HELP, SCOPE } from "../options/table.js";

const EVENTS: Readonly<Record<NewsEvent, string>> = {
  promoted: "a generation, or a worker of it, serves from now on",
  failed: "a reload or the first start has failed",
  crashed: "what served has ended without being told to, and is started again",
  "gave-up": "it crashed too often, and the supervisor ends",
  drained: "what was told to stop has finished, and ended",
  killed: "what was told to stop has ended otherwise",
  recycled: "a worker is too old or too large: another one is started",
  upgraded: "the supervisor has replaced itself",
};

export const LOGS = {
  name: "logs",
  usage: "[options] [UNIT] [-- JOURNALCTL-OPTION…]",
  operand: "unit",
  about: [
    `
      Shows what UNIT has written since it was started last: the supervisor and its generations. Without UNIT it shows
      that of all units that run zerodown. All that follows -- goes to journalctl. Of a unit whose StandardError= is a
      file, or anything else but the journal, it says so: there its log is.`,
  ],
  options: {
    ...SCOPE,
    generation: {
      value: "N",
      completes: "generation",
      help: "only what this generation has written",
      more: `
        Only what this generation has written: the lines of its cgroup, and without one of its own those of its main
        process, for as long as the supervisor remembers that.`,
    },
    event: {
      value: "EVENT",
      repeatable: true,
      choices: EVENTS,
      help: "only what the supervisor says of this",
      more: `
        Only what the supervisor says of this event; with *--generation* of that generation. Each of these entries has
        a catalog text, which journalctl shows with *--catalog*, and fields: see LOG.`,
    },
    ...HELP,
  },
  exits: [
    [0, "they were shown"],
    [64, "wrong usage"],
    [69, "no such unit, bus or generation, or no journalctl"],
    [77, "no permission"],
  ],
  examples: [
    "zerodown logs app --generation 4",
    "zerodown logs app --event failed --event crashed -- --catalog",
    "zerodown logs app -- --follow",
  ],
} as const satisfies CommandTable;
