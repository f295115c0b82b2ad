// The options of `zerodown reload`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP, SCOPE, SUPERVISOR } from "../options/table.js";

export const RELOAD = {
  name: "reload",
  usage: "[options] [UNIT]",
  operand: "unit",
  about: [
    `
      Starts the next generation from what is on disk now, and waits. Exit status 0 says that a generation which was
      started after this command serves; else the old one still does, and the reason is printed.`,
    `
      Without UNIT, --pid or --control it is for ExecReload= in the unit itself. With UNIT it asks systemd, as
      systemctl reload does.`,
  ],
  options: {
    ...SCOPE,
    ...SUPERVISOR,
    same: {
      help: "start again what serves now, instead of what is on disk",
      more: `
        Start again what serves now, instead of what is on disk: its command, directory and --env-file are those of the
        generation that serves. With UNIT it asks the supervisor, and not systemd.`,
    },
    "dry-run": {
      help: "only try what is on disk, and report",
      more: `
        Only try what is on disk, and report: a generation is started that gets no socket but that of its probes (with the name
        "probe", whether there is a --probe or not, and however many sockets the service has: an app that needs two, or goes by
        their names, looks for $ZERODOWN_DRY_RUN), and $ZERODOWN_DRY_RUN=1. It must become ready and pass the probes, and is
        ended then. With --workers one process is enough; with --ready accept it must wait for clients on that socket. What
        serves is not touched, and systemd is told nothing. While a reload is under way it fails at once; a reload that begins
        meanwhile aborts it. With UNIT it asks the supervisor, and not systemd.`,
    },
    replace: { help: "abort a candidate that is still starting" },
    timeout: {
      value: "TIME",
      default: "infinity",
      help: "don't wait longer; the reload goes on",
    },
    ...HELP,
  },
  exits: [
    [0, "the new generation serves, or with --dry-run it would"],
    [1, "the reload, or the dry run, failed"],
    [64, "wrong usage"],
    [69, "no such unit, bus or supervisor, or it went away"],
    [75, "timeout"],
    [76, "what answered isn't a supervisor"],
    [77, "no permission"],
  ],
  examples: [
    "zerodown reload app.service",
    "zerodown reload --dry-run app.service",
    "ExecReload=/usr/bin/zerodown reload",
  ],
} as const satisfies CommandTable;
