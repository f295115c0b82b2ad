// The options of `zerodown status`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP, SCOPE, SUPERVISOR } from "../options/table.js";

export const STATUS = {
  name: "status",
  usage: "[options] [UNIT]",
  operand: "unit",
  about: [
    `
      Shows the supervisor, its sockets and its generations, the newest first: age, memory and CPU time of all
      processes of each, the sockets they have open beside those that were passed, the last STATUS=; and how the last
      few ended.`,
    `
      With UNIT it shows systemd's view of it, too. Without UNIT, --pid or --control it shows all units that run
      zerodown in a table; in a command of such a unit, that unit.`,
  ],
  options: {
    ...SCOPE,
    ...SUPERVISOR,
    watch: {
      help: "show one unit again after every change, until Ctrl-C; on a terminal with a timeline",
      more: `
        Show one unit again after every change that the supervisor or systemd tells of, until Ctrl-C. On a terminal it is
        drawn in place, with a timeline: a line for each process, its past to the left, now at the right edge. It is
        drawn again as time goes by, which asks the supervisor nothing. What was before it was watched is drawn as if it
        had always been so.`,
    },
    json: {
      help: "one JSON object; with --watch one a line. Bytes, and µs (points in time: of CLOCK_MONOTONIC)",
      more: "Print one JSON object; with --watch one a line. See WHAT STATUS SHOWS.",
    },
    ...HELP,
  },
  exits: [
    [0, "it was shown"],
    [3, "UNIT is not running"],
    [64, "wrong usage"],
    [69, "no such unit, bus or supervisor, or it went away"],
    [75, "the supervisor doesn't answer"],
    [76, "what answered isn't a supervisor"],
    [77, "no permission"],
  ],
  examples: [
    "zerodown status",
    "zerodown status app.service",
    `zerodown status --json app.service | jq '.generations[] | select(.state == "serving") | .memory'`,
  ],
} as const satisfies CommandTable;
