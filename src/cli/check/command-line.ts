// A unit's command line: where zerodown is in it, and whether what runs was started by it. And how D-Bus has lists.

import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** A unit's command as D-Bus has it: specifiers are put in, variables aren't. */
export interface ExecCommand {
  readonly path: string;
  readonly args: readonly string[];
  readonly ignoresFailure: boolean;
}

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

/**
 * Whether a supervisor runs with other options, or another COMMAND, than the unit has now.
 *
 * @param configured as D-Bus has it: variables, which aren't put in, may be any words
 * @param running the command line of the process
 */
export function isStartedOtherwise(configured: readonly string[], running: readonly string[]): boolean {
  const [now, then] = [configured, running].map(command => {
    const index = findZerodown(command, "run");
    return index < 0 ? undefined : command.slice(index + 2);
  });
  if (!now || !then) return false;
  const pattern = new RegExp(`^${now.map(wordPattern).join("")}$`, "s");
  return !pattern.test(then.map(word => `${word}\0`).join(""));
}

/** $NAME is split into words, each ended by a zero here; ${NAME} is a part of one, and $$ a dollar sign: systemd.service(5). */
function wordPattern(word: string): string {
  if (/^\$\w+$/.test(word)) return "(?:[^\0]*\0)*";
  const parts = word.split(/(\$\{\w+\}|\$\$)/).map((part, index) => {
    if (index % 2 === 0) return part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    return part === "$$" ? "\\$" : "[^\0]*";
  });
  return `${parts.join("")}\0`;
}

/** A property that is a list of names. */
export function list(property: unknown): readonly string[] {
  return (property ?? []) as readonly string[];
}

export function execCommands(property: unknown): ExecCommand[] {
  return ((property ?? []) as [string, string[], boolean][]).map(([path, argv, ignoresFailure]) => ({
    path,
    args: argv.slice(1),
    ignoresFailure,
  }));
}

/** The command line of a process; undefined of none, and where it can't be seen. */
export function commandOf(pid: number): string[] | undefined {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    return command.length > 0 ? command : undefined;
  } catch {
    return undefined;
  }
}
