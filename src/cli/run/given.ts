// Reads once more, as bytes, those options of `zerodown run` that need not be UTF-8 (see linux/bytes.ts).

import { readlinkSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { executedArguments, type Variables } from "../../launcher/received.js";
import { toBytes, toPath, toText } from "../../linux/bytes.js";
import { UsageError } from "../errors.js";
import { parseCommandLine } from "../options/parse.js";
import { RUN } from "./table.js";

/** Node puts this in place of bytes that aren't UTF-8. */
const REPLACEMENT = "\ufffd";

export interface Given {
  readonly command: readonly string[];
  readonly envFile: string | undefined;
  readonly probes: readonly string[];
  readonly onEvent: string | undefined;
  readonly beforeDrainCommand: string | undefined;
  readonly watch: readonly string[];
  /** An absolute path, so that a deployment can put another directory there. */
  readonly directory: string;
}

/**
 * The command, its environment file, its probes, the commands for events, what is watched, and its working directory.
 *
 * @param args those of `zerodown run`, as Node has them
 * @param directory the working directory, where another supervisor has found it
 * @throws {UsageError} when there is no such directory
 */
export function asGiven(args: readonly string[], { PWD }: Variables, directory?: string): Given {
  const { values, rest: command = [] } = parseCommandLine(RUN, asBytes(args));
  return {
    command,
    envFile: values["env-file"],
    probes: values.probe ?? [],
    onEvent: values["on-event"],
    beforeDrainCommand: values["before-drain"],
    watch: values.watch ?? [],
    directory: directory ?? chooseDirectory(values["working-directory"], PWD),
  };
}

function asBytes(args: readonly string[]): readonly string[] {
  const executed = args.some(arg => arg.includes(REPLACEMENT)) ? executedArguments() : undefined;
  return executed?.slice(-args.length) ?? args.map(toBytes);
}

function chooseDirectory(given: string | undefined, PWD: string | undefined): string {
  try {
    if (given !== undefined) {
      if (!statSync(toPath(given)).isDirectory()) throw new Error(`"${toText(given)}" isn't a directory`);
      return given.startsWith("/") ? resolve(given) : resolve(currentDirectory(), given);
    }
    // The shell's own idea of it, which keeps the symbolic links, if it is true.
    const [here, shells] = [statSync("."), statSync(toPath(PWD ?? "."), { throwIfNoEntry: false })];
    return PWD?.startsWith("/") && shells?.ino === here.ino && shells.dev === here.dev ? PWD : currentDirectory();
  } catch (error) {
    throw new UsageError(
      `${given === undefined ? "the working directory" : "--working-directory"}: ${(error as Error).message}`,
    );
  }
}

function currentDirectory(): string {
  const text = process.cwd();
  return text.includes(REPLACEMENT) ? readlinkSync("/proc/self/cwd", "latin1") : toBytes(text);
}
