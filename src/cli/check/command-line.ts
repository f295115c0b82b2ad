// A unit's command line: where zerodown is in it. And how D-Bus has lists.

import { basename } from "node:path";

/** Where in a command `zerodown SUBCOMMAND` begins; -1 if nowhere. */
export function findZerodown(command: readonly string[], subcommand: string): number {
  return command.findIndex(
    (word, index) => /^zerodown(\.cjs)?$/.test(basename(word)) && command[index + 1] === subcommand,
  );
}

/** Whether it is zerodown itself that this command makes the main process: by its name, or as the script of a Node. */
export function isDirect(command: readonly string[]): boolean {
  const index = findZerodown(command, "run");
  const before = command.slice(1, Math.max(index, 1));
  const interpreter = basename(command[0] ?? "");
  // Our script begins in a shell, which becomes Node at once.
  const isScript = interpreter === "sh" ? before.length === 0 : interpreter === "node";
  return index === 0 || (index > 0 && isScript && before.every(word => word.startsWith("-")));
}

/** A property that is a list of names. */
export function list(property: unknown): readonly string[] {
  return (property ?? []) as readonly string[];
}
