// Lines that somebody appends to a file.

import { closeSync, openSync, readSync, watch } from "node:fs";
import { Lines } from "./lines.js";

/** Follows a file that exists already, until `close`. */
export function followFile(path: string): { lines: Lines; close: () => void } {
  const lines = new Lines();
  const fd = openSync(path, "r");
  const buffer = Buffer.alloc(65536);
  const read = () => {
    for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer)) {
      lines.add(buffer.toString("utf8", 0, length));
    }
  };
  const watcher = watch(path, read);
  read();
  const close = () => {
    watcher.close();
    read();
    closeSync(fd);
    lines.end();
  };
  return { lines, close };
}
