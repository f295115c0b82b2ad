// The options of `zerodown rollback`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP, SCOPE, SUPERVISOR } from "../options/table.js";

export const ROLLBACK = {
  name: "rollback",
  usage: "[options] [UNIT]",
  operand: "unit",
  about: [
    `
      Starts the release again that served before the one that serves now, and waits, as reload does. It changes no file:
      what is on disk is started by the next reload. A second rollback goes back to where the first one came from.`,
    `
      While a reload is starting something new, that is what is undone: the release that serves is started again after it,
      or instead of it with --replace.`,
    "Without UNIT, --pid or --control it is for a command of the unit itself.",
  ],
  options: {
    ...SCOPE,
    ...SUPERVISOR,
    replace: { help: "abort a candidate that is still starting" },
    timeout: {
      value: "TIME",
      default: "infinity",
      help: "don't wait longer; the rollback goes on",
    },
    ...HELP,
  },
  exits: [
    [0, "the release from before serves"],
    [1, "there is none, its directory is gone, or it failed; what served serves on"],
    [64, "wrong usage"],
    [69, "no such unit, bus or supervisor, or it went away"],
    [75, "timeout"],
    [76, "what answered isn't a supervisor"],
    [77, "no permission"],
  ],
  examples: ["zerodown rollback app.service"],
} as const satisfies CommandTable;
