// The options of `zerodown check`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP, SCOPE } from "../options/table.js";

export const CHECK = {
  name: "check",
  usage: "[options] UNIT",
  operand: "unit",
  about: [
    `
      Says what in the service UNIT, and in its .socket, will bite, why, and the lines for a drop-in that fix it. It
      looks at what systemd has read, and changes nothing.`,
  ],
  options: {
    ...SCOPE,
    json: {
      help: "findings and drop-ins as one JSON object",
      more: `
        Print one object: *unit*, *wrong* (whether there is an error or a warning), *findings*, each with *severity*,
        *setting*, *value*, *why* and, where there is one, its *fix* (*unit*, *section*, *lines*); and *dropIns*, all
        fixes together, one *text* a *unit*.`,
    },
    ...HELP,
  },
  notes: ["error: it doesn't work; warning: it goes wrong sooner or later; note: worth knowing"],
  exits: [
    [0, "nothing wrong (there may be notes)"],
    [1, "an error or a warning"],
    [64, "wrong usage"],
    [69, "no such unit or bus"],
    [77, "no permission"],
  ],
  examples: ["zerodown check app.service"],
} as const satisfies CommandTable;
