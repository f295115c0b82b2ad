// The options of `zerodown completion`, as its parser, --help, the man page and completion have them.

import { type CommandTable, HELP, SCOPE } from "../options/table.js";

export const COMPLETION = {
  name: "completion",
  usage: "bash|zsh|fish",
  about: [
    `
      Prints a script that completes commands, options and their values in that shell; units and generations by asking
      systemd and supervisors. The packages install it.`,
  ],
  options: {
    units: { help: "prints the units that run zerodown instead: for the scripts" },
    generations: { value: "UNIT", completes: "unit", help: "prints the generations of UNIT instead: for the scripts" },
    ...SCOPE,
    ...HELP,
  },
  exits: [
    [0, "printed"],
    [64, "wrong usage"],
  ],
  examples: [
    "zerodown completion bash >/etc/bash_completion.d/zerodown",
    "zerodown completion zsh >/usr/local/share/zsh/site-functions/_zerodown",
    "zerodown completion fish >/etc/fish/completions/zerodown.fish",
  ],
} as const satisfies CommandTable;
