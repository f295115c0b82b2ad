// Looks up what a generation is started from. Deployments swap symbolic links at any time, so where a path leads is noted, to
// be found again when the link leads elsewhere.

import { accessSync, constants, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Variables } from "../launcher/received.js";
import { toPath, toText } from "../linux/bytes.js";
import { parseEnvFile } from "../systemd/formats/env-file.js";
import type { Launch } from "./launch.js";

/** Plain data, which JSON can hold. Paths, arguments and variables are bytes (see linux/bytes.ts). */
export interface Release {
  /** The real path of the working directory; null where there was none. */
  readonly directory: string | null;
  /** null where there was none. */
  readonly executable: Location | null;
  /** Where those arguments of the command led that are absolute paths; null for the others. */
  readonly locations: readonly (Location | null)[];
  /** The assignments of --env-file. */
  readonly variables: Variables;
}

/** What outlives a supervisor: paths, without the variables, which are read again. */
export type Remembered = Omit<Release, "variables">;

/** Where a path led. */
export interface Location {
  /** In the real path of its directory, under the name that was given: venv/bin/python is not /usr/bin/python3. */
  readonly path: string;
  /** What that is itself a link to, else the same. */
  readonly real: string;
}

/** What is asked for, as it was given; it may lead elsewhere each time. */
export type Wanted = Pick<Launch, "command" | "directory" | "envFile" | "environment">;

/** Of a file that isn't one of variables at all, a few lines say it. */
const TOLD_LINES = 5;

/** What execvp(3) does without a PATH; as systemd compiles it in. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";

/** @throws {NodeJS.ErrnoException} when the --env-file can't be read */
export function lookUp(launch: Wanted, onProblem: (what: string) => void): Release {
  const variables = readEnvFile(launch.envFile, onProblem);
  const directory = realPath(launch.directory);
  return {
    directory,
    executable: findExecutable(directory ?? launch.directory, pathsOf(launch, variables)),
    locations: launch.command.map(locate),
    variables,
  };
}

/** Where execvp(3) would look. Relative ones are relative to the working directory of the child. */
export function pathsOf({ command, environment }: Wanted, variables: Variables): string[] {
  const name = command[0]!;
  if (name.includes("/")) return [name];
  const path = variables.PATH ?? environment.PATH ?? DEFAULT_PATH;
  return path.split(":").map(directory => `${directory || "."}/${name}`);
}

/** The first that can be executed. */
export function findExecutable(directory: string, paths: readonly string[]): Location | null {
  const found = paths.map(path => (path.startsWith("/") ? path : `${directory}/${path}`)).find(isExecutable);
  return found === undefined ? null : locate(found);
}

/** null for what isn't an absolute path, or leads nowhere. */
export function locate(given: string): Location | null {
  if (!given.startsWith("/")) return null;
  const real = realPath(given);
  if (real === null) return null;
  // A link to a directory is what deployments swap; a program may go by the name of a link to it.
  if (isDirectory(real)) return { path: real, real };
  const directory = realPath(dirname(given));
  return directory === null ? null : { path: `${directory === "/" ? "" : directory}/${lastPart(given)}`, real };
}

export function realPath(path: string): string | null {
  try {
    return realpathSync.native(toPath(path), "latin1");
  } catch {
    return null;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(toPath(path)).isDirectory();
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(toPath(path), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The variables that it assigns; a line that assigns none is told, for it may have been meant to. */
export function readEnvFile(path: string | undefined, onProblem: (what: string) => void): Variables {
  if (path === undefined) return {};
  const dropped: string[] = [];
  const variables = parseEnvFile(readFileSync(toPath(path), "latin1"), line => dropped.push(line));
  const more = dropped.splice(TOLD_LINES).length;
  if (more > 0) dropped.push(`${more} more lines`);
  if (dropped.length > 0) onProblem(`left out of ${toText(path)}: ${dropped.join("; ")}`);
  return variables;
}
