import { lstatSync, opendirSync, rmdirSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { toBytes, toPath, toText } from "./bytes.js";

/** So many files and directories are removed at a time while the loop has other work. */
const PIECE = 200;

/** Removals that the loop goes on with. */
const underWay = new Set<() => void>();

/**
 * Removes a directory with all that is in it, if it is there. What is mounted in it isn't entered, as fs.rmSync would do: those
 * may be anybody's files. (And fs.rmSync costs memory: see removeSocketFile().)
 *
 * @throws {Error} when something in it can't be removed
 */
export function removeTree(path: string): void {
  for (const _ of removals(path));
}

/**
 * The same, a piece at a time: whatever else there is to do waits for one piece, and not for a million files. A small directory
 * is gone at once.
 *
 * @param onProblem called when something in it can't be removed
 */
export function removeTreeInPieces(path: string, onProblem: (error: Error) => void): void {
  const left = removals(path);
  const remove = (most: number) => {
    underWay.delete(finish);
    try {
      for (let count = 0; count < most; count++) if (left.next().done) return;
    } catch (error) {
      return onProblem(error as Error);
    }
    underWay.add(finish);
    setImmediate(() => underWay.has(finish) && remove(PIECE));
  };
  const finish = () => remove(Number.POSITIVE_INFINITY);
  remove(PIECE);
}

/** Ends what removeTreeInPieces() has begun, before this process ends or becomes another program. */
export function finishRemovals(): void {
  for (const finish of underWay) finish();
}

/** Removes a file or a directory with each step. One directory is open at a time, however deep they lie. */
function* removals(path: string): Generator<void, void, void> {
  if (!lstatSync(path, { throwIfNoEntry: false })) return;
  const { dev } = lstatSync(dirname(path));
  const within = [toBytes(path)];
  while (within.length > 0) {
    const directory = within.at(-1)!;
    const stat = lstatSync(toPath(directory));
    if (stat.dev !== dev) throw new Error(`something is still mounted at ${toText(directory)}`);
    const below = yield* removeFilesOf(directory);
    if (below !== undefined) within.push(below);
    else rmdirSync(toPath(within.pop()!));
    yield;
  }
}

/** @returns the first directory that it comes upon; undefined when there is nothing left */
function* removeFilesOf(directory: string): Generator<void, string | undefined, void> {
  // Names need not be UTF-8.
  const entries = opendirSync(toPath(directory) as unknown as string, { encoding: "latin1" as BufferEncoding });
  try {
    for (let entry = entries.readSync(); entry; entry = entries.readSync()) {
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory()) return path;
      unlinkSync(toPath(path));
      yield;
    }
    return undefined;
  } finally {
    entries.closeSync();
  }
}
