// The command that started this process, to be executed again: as bytes (see systemd/bytes.ts).

import { accessSync, constants, realpathSync } from "node:fs";
import { basename, delimiter, resolve } from "node:path";
import { executedArguments } from "../launcher/received.js";
import { toBytes, toText } from "../linux/bytes.js";

/**
 * The command as it was typed: a runner (`jiti app.ts`) puts the app's name over its own in process.argv, and Node makes the
 * script's path absolute, and so goes through the symbolic link that a deployment swaps.
 *
 * @param path PATH, where Node was looked up
 */
export function executedCommand(path: string | undefined): string[] {
  const words = executedArguments();
  const { argv, execArgv } = process;
  const command = nodeCommand(toText(path ?? ""));
  if (words === undefined || !areOurs(words)) {
    // No /proc, or process.title has been written over it.
    const [script, ...args] = argv.slice(1);
    if (script === undefined) return [command, ...execArgv].map(toBytes);
    // No script, but --eval, with an argument that looks like an option of Node.
    const dashes = script.startsWith("-") ? ["--"] : [];
    return [command, ...execArgv, ...dashes, script, ...args].map(toBytes);
  }
  return [toBytes(command), ...words.slice(1, 1 + execArgv.length), ...scriptAndArguments(words)];
}

/** Whether these are still the arguments, and not a title. */
function areOurs(words: readonly string[]): boolean {
  const expected = [process.argv0, ...process.execArgv];
  const isWritten = process.argv.length === 1 || (words[expected.length] ?? "") !== "";
  return isWritten && expected.every((word, index) => words[index] !== undefined && toText(words[index]) === word);
}

function scriptAndArguments(words: readonly string[]): string[] {
  const own = words.slice(1 + process.execArgv.length);
  const [script, ...args] = process.argv.slice(1);
  const index = own.length - 1 - args.length;
  if (script !== undefined && own[index] !== undefined && isElsewhere(own, index, script)) own[index] = toBytes(script);
  return own;
}

/** Whether the script is given relative to another directory than today's: the app has changed that before init(). */
function isElsewhere(own: readonly string[], index: number, script: string): boolean {
  const [given = "", ...args] = own.slice(index).map(toText);
  // Where a runner has changed process.argv, this isn't the script.
  const isScript = basename(given) === basename(script) && args.every((arg, at) => arg === process.argv[2 + at]);
  return isScript && given !== script && resolve(given) !== script;
}

/** As it was typed, so that another Node is found once one is installed; unless that isn't how this one was found. */
function nodeCommand(path: string): string {
  const { argv0, execPath } = process;
  const places = argv0.includes("/") ? [argv0] : path.split(delimiter).map(place => `${place}/${argv0}`);
  const found = places.find(place => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found !== undefined && realpathSync(found) === execPath ? argv0 : execPath;
}
