// Writing a file in one step, for another program that may read it at any time.

import { chmodSync, lstatSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { EX_CANTCREAT, EX_NOPERM } from "../../linux/exit-codes.js";
import { CommandError } from "../errors.js";

/** @throws {CommandError} when it can't be written; what was there is there still */
export function replaceFile(path: string, text: string): void {
  // By another end than .prom: the collector reads whatever has that.
  const draft = `${path}.${process.pid}`;
  try {
    // A device, a FIFO or a link is somebody's, and would be gone.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new Error("it is there, and isn't a file");
    // Whoever else may write into the directory must not lead us elsewhere by a link.
    rmSync(draft, { force: true });
    writeFileSync(draft, text, { flag: "wx" });
    // The collector is another user, whatever our umask is.
    chmodSync(draft, 0o644);
    renameSync(draft, path);
  } catch (error) {
    discard(draft);
    const { code, message } = error as NodeJS.ErrnoException;
    const status = code === "EACCES" || code === "EPERM" ? EX_NOPERM : EX_CANTCREAT;
    throw new CommandError(`--output ${path}: ${message}`, status, { cause: error });
  }
}

function discard(draft: string): void {
  try {
    rmSync(draft, { force: true });
  } catch {
    // What kept it from being written keeps it from being removed.
  }
}
