// The options of `zerodown upgrade`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP, SCOPE, SUPERVISOR } from "../options/table.js";

export const UPGRADE = {
  name: "upgrade",
  usage: "[options] [UNIT]",
  operand: "unit",
  about: [
    `
      Has the supervisor replace itself by the zerodown that is on disk now, and waits until the new one has answered. The
      process, its generations and their clients stay, whatever is under way. The new version looks first at all that it
      would take over; where it can't go on from there, nothing happens.`,
    "Without UNIT, --all, --pid or --control it is for a command of the unit itself.",
  ],
  options: {
    all: {
      help: "every unit of the manager that runs zerodown",
      more: "Every unit of the manager that runs zerodown, one after the other. One that fails keeps no other from it.",
    },
    ...SCOPE,
    ...SUPERVISOR,
    ...HELP,
  },
  exits: [
    [0, "the new version has answered; with --all, all of them have"],
    [1, "it was refused, and the old version goes on"],
    [64, "wrong usage"],
    [69, "no such unit, bus or supervisor, or it went away"],
    [75, "the new version has not answered within a minute"],
    [76, "what answered is not a supervisor"],
    [77, "no permission"],
  ],
  examples: ["zerodown upgrade app.service", "zerodown upgrade --all"],
} as const satisfies CommandTable;
