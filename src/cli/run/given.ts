// What of the options of `zerodown run` need not be UTF-8, as bytes (see systemd/bytes.ts).

import { readlinkSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { executedArguments, type Variables } from "../../launcher/received.js";
import { toBytes, toPath, toText } from "../../linux/bytes.js";
import { UsageError } from "../options.js";
import type { RunOptions } from "./options.js";

/** What Node puts in place of bytes that aren't UTF-8. */
const REPLACEMENT = "\ufffd";

export interface Given {
  readonly command: readonly string[];
  readonly envFile: string | undefined;
  /** An absolute path, so that a deployment can put another directory there. */
  readonly directory: string;
}

/**
 * The command, its environment file and its working directory.
 *
 * @param args the arguments that the options were read from
 * @throws {UsageError} when there is no such directory
 */
export function asGiven(
  { command, envFile, workingDirectory }: RunOptions,
  args: readonly string[],
  { PWD }: Variables,
): Given {
  const bytes = asBytes(args);
  const ours = bytes.slice(0, -command.length);
  const find = (option: string, value: string | undefined) =>
    value === undefined ? undefined : valueAmong(ours, option, value);
  return {
    command: bytes.slice(-command.length),
    envFile: find("--env-file", envFile),
    directory: chooseDirectory(find("--working-directory", workingDirectory), PWD),
  };
}

function asBytes(args: readonly string[]): readonly string[] {
  const executed = args.some(arg => arg.includes(REPLACEMENT)) ? executedArguments() : undefined;
  return executed?.slice(-args.length) ?? args.map(toBytes);
}

/** The bytes of an option's value; it stands alone, or behind an equals sign. */
function valueAmong(args: readonly string[], option: string, value: string): string {
  if (!value.includes(REPLACEMENT)) return toBytes(value);
  const found = args.findLast(arg => toText(arg) === value || toText(arg) === `${option}=${value}`);
  if (found === undefined) return toBytes(value);
  return toText(found) === value ? found : found.slice(option.length + "=".length);
}

function chooseDirectory(given: string | undefined, PWD: string | undefined): string {
  try {
    if (given !== undefined) {
      if (!statSync(toPath(given)).isDirectory()) throw new Error(`"${toText(given)}" is no directory`);
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
