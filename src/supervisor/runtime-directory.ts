// Where the sockets between the supervisor and its generations live.

import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { removeSocketFile } from "../sockets/remove.js";

/**
 * Makes a directory that only this user can enter: in $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR, else /run, else the
 * directory for temporary files.
 *
 * @throws {Error} when none of these is writable
 */
export function createRuntimeDirectory(environment: NodeJS.ProcessEnv): string {
  const [inUnit] = (environment.RUNTIME_DIRECTORY ?? "").split(":");
  const places = [inUnit, environment.XDG_RUNTIME_DIR, "/run", tmpdir()].filter(place => place);
  const place = places.find(isWritable);
  if (!place) {
    throw new Error(`no directory for sockets is writable (${places.join(", ")}): set RuntimeDirectory= in the unit`);
  }
  // Named by the pid, so that what a killed supervisor left behind is found when the pid comes around again.
  const directory = `${place}/zerodown-${process.pid}`;
  if (existsSync(directory)) removeRuntimeDirectory(directory);
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

/** @throws {NodeJS.ErrnoException} when it isn't ours */
export function removeRuntimeDirectory(directory: string): void {
  for (const file of readdirSync(directory)) removeSocketFile(`${directory}/${file}`);
  rmdirSync(directory);
}

function isWritable(directory: string | undefined): boolean {
  try {
    accessSync(directory!, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
