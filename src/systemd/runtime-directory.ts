// Where the sockets between the supervisor and its generations live.

import { accessSync, constants, lstatSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { removeSocketFile } from "../sockets/remove.js";

/**
 * The directories that a supervisor with this environment may choose for its runtime directory, best first:
 * $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR, /run, the directory for temporary files.
 */
export function runtimePlaces({ RUNTIME_DIRECTORY, XDG_RUNTIME_DIR }: NodeJS.ProcessEnv): string[] {
  const [inUnit] = (RUNTIME_DIRECTORY ?? "").split(":");
  return [inUnit, XDG_RUNTIME_DIR, "/run", tmpdir()].filter(place => place !== undefined && place !== "") as string[];
}

/** The runtime directory of the supervisor with this pid, in one of those places. */
export function runtimeDirectoryIn(place: string, pid: number): string {
  return `${place}/zerodown-${pid}`;
}

/**
 * Makes a directory that only this user can enter, in the first of those places that is writable.
 *
 * @throws {Error} when none of these is writable, or something of that name isn't ours
 */
export function createRuntimeDirectory(environment: NodeJS.ProcessEnv): string {
  const places = runtimePlaces(environment);
  const place = places.find(isWritable);
  if (!place) {
    throw new Error(`no directory for sockets is writable (${places.join(", ")}): set RuntimeDirectory= in the unit`);
  }
  // Named by the pid, so that what a killed supervisor left behind is found when the pid comes around again.
  const directory = runtimeDirectoryIn(place, process.pid);
  const leftover = lstatSync(directory, { throwIfNoEntry: false });
  if (leftover) {
    // Where everybody may write, somebody may have made a link of that name.
    if (!leftover.isDirectory() || leftover.uid !== process.geteuid!()) {
      throw new Error(`${directory} is in the way, and no directory of this user's: remove it`);
    }
    removeRuntimeDirectory(directory);
  }
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

/** @throws {NodeJS.ErrnoException} when it isn't ours */
export function removeRuntimeDirectory(directory: string): void {
  for (const file of readdirSync(directory)) removeSocketFile(`${directory}/${file}`);
  rmdirSync(directory);
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
