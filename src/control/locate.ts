// Where a supervisor's control socket is, told from its pid.

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { runtimeDirectoryIn, runtimePlaces } from "../systemd/runtime-directory.js";

/** The control socket's name in the runtime directory. */
export const CONTROL_NAME = "control";

/**
 * The control socket of the supervisor with this pid: what its --control says, else where its environment puts it. Where
 * /proc doesn't show that, our own environment is taken, which is the same for a command of the same unit.
 *
 * @returns undefined when there is none
 */
export function locateControl(pid: number): string | undefined {
  const given = controlOption(pid);
  if (given === "none") return undefined;
  if (given !== undefined) return resolve(`/proc/${pid}/cwd`, given);
  const places = [...runtimePlaces(readEnvironment(pid)), ...runtimePlaces(process.env)];
  return places.map(place => `${runtimeDirectoryIn(place, pid)}/${CONTROL_NAME}`).find(path => existsSync(path));
}

function controlOption(pid: number): string | undefined {
  const args = readNulSeparated(`/proc/${pid}/cmdline`);
  // Before it are Node's own options, and the -- that ends these.
  const own = args.slice(args.indexOf("run") + 1);
  const options = own.slice(0, own.includes("--") ? own.indexOf("--") : undefined);
  const index = options.findLastIndex(arg => arg === "--control" || arg.startsWith("--control="));
  if (index < 0) return undefined;
  return options[index] === "--control" ? options[index + 1] : options[index]!.slice("--control=".length);
}

function readEnvironment(pid: number): NodeJS.ProcessEnv {
  return Object.fromEntries(
    readNulSeparated(`/proc/${pid}/environ`).map(line => {
      const equals = line.indexOf("=");
      return [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
}

function readNulSeparated(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\0").filter(Boolean);
  } catch {
    return [];
  }
}
