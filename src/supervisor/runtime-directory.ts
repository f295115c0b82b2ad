// Where the sockets between the supervisor and its generations live.

import { accessSync, constants, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

/**
 * Makes a directory that only this user can enter: in $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR, else /run, else the
 * directory for temporary files.
 *
 * @throws {Error} when none of these is writable
 */
export function createRuntimeDirectory(environment: NodeJS.ProcessEnv): string {
  const [inUnit] = (environment.RUNTIME_DIRECTORY ?? "").split(":");
  const places = [inUnit, environment.XDG_RUNTIME_DIR, "/run", tmpdir()];
  const place = places.find(directory => directory && isWritable(directory));
  if (!place)
    throw new Error(
      `no directory for sockets can be written: ${places.filter(Boolean).join(", ")}. Set RuntimeDirectory= in the unit`,
    );
  // Named by the pid, so that what a killed supervisor left behind is found when the pid comes around again.
  const directory = `${place}/zerodown-${process.pid}`;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
