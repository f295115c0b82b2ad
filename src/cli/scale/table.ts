// The options of `zerodown scale`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP, SCOPE, SUPERVISOR } from "../options/table.js";

export const SCALE = {
  name: "scale",
  usage: "[options] [UNIT] N",
  operand: "unit",
  about: [
    `
      Asks for N workers, and waits until they serve; those that are too many drain. The number outlives reloads, but not
      a restart of the unit: there --workers says it. More than a limit of the system has room for, with those that a reload
      runs beside them, are refused before any of them starts.`,
    "Without UNIT, --pid or --control it is for a command of the unit itself.",
  ],
  options: { ...SCOPE, ...SUPERVISOR, ...HELP },
  exits: [
    [0, "N workers serve"],
    [
      1,
      "one of them has failed, and is started again; or it is refused: each accept queue takes a worker, or there is no room",
    ],
    [64, "wrong usage"],
    [69, "no such unit, bus or supervisor, or it went away"],
    [76, "what answered is not a supervisor"],
    [77, "no permission"],
  ],
  examples: ["zerodown scale app.service 8"],
} as const satisfies CommandTable;
