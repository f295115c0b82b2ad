import { unlinkSync } from "node:fs";

/** Removes a socket's file, if it is there. (fs.rmSync would do, but cost every idle supervisor 250 kB.) */
export function removeSocketFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
