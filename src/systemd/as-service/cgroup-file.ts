// Files of a cgroup.

import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";

/** @throws {NodeJS.ErrnoException} */
export function read(file: string): string {
  return readFileSync(file, "utf8");
}

/** Never makes a file. @throws {NodeJS.ErrnoException} ENOENT: there is none of that name */
export function write(file: string, text: string): void {
  const fd = openSync(file, constants.O_WRONLY | constants.O_TRUNC);
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}
