import { lstatSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { toBytes, toPath, toText } from "./bytes.js";

/**
 * Removes a directory with all that is in it, if it is there. What is mounted in it isn't entered, as fs.rmSync would do: those
 * may be anybody's files. (And fs.rmSync costs memory: see removeSocketFile().)
 *
 * @throws {Error} when something in it can't be removed
 */
export function removeTree(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })) remove(toBytes(path), lstatSync(dirname(path)).dev);
}

/** @param bytes a path: names in it need not be UTF-8 */
function remove(bytes: string, device: number): void {
  const path = toPath(bytes);
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return unlinkSync(path);
  if (stat.dev !== device) throw new Error(`something is still mounted at ${toText(bytes)}`);
  for (const entry of readdirSync(path, "latin1")) remove(`${bytes}/${entry}`, device);
  rmdirSync(path);
}
