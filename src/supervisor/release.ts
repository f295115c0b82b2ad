// What a generation is started from, and its workers after it, and whoever replaces one of them: its release, looked up when
// the first of them starts.

import { accessSync, constants, statSync } from "node:fs";
import { toPath, toText } from "../linux/bytes.js";
import { REMEMBERED } from "../machine/releases.js";
import {
  findExecutable,
  type Location,
  locate,
  lookUp,
  pathsOf,
  type Release,
  type Remembered,
  readEnvFile,
  type Wanted,
} from "./look-up.js";

export type { Release } from "./look-up.js";

/** Where a command is started, with which arguments, and what execve(2) is to try. */
export interface Place {
  readonly directory: string;
  readonly paths: readonly string[];
  readonly argv: readonly string[];
}

/** What it takes to go on with them: plain data, which JSON can hold. */
export interface SavedReleases {
  readonly known: readonly (readonly [number, Release])[];
  readonly remembered: Remembered | null;
}

/** What is told of one. */
export interface ReleaseFacts {
  readonly directory: string | null;
  readonly executable: string | null;
  readonly arguments: readonly string[];
  /** The names of what its --env-file assigned. */
  readonly variables: readonly string[];
}

/** There is nothing to roll back to. */
export class NoReleaseError extends Error {
  /** Nothing that the system lacks is the reason. */
  readonly code = "ENOENT";
}

/** Those that are known, by the number of the first generation that was started from each. */
export class Releases {
  private known = new Map<number, Release>();
  /** What served before this supervisor. */
  remembered: Remembered | undefined;

  constructor(private readonly launch: Wanted) {}

  /** Goes on with what another supervisor knew. */
  adopt({ known, remembered }: SavedReleases): void {
    this.known = new Map(known);
    this.remembered = remembered ?? undefined;
  }

  save(): SavedReleases {
    return { known: [...this.known], remembered: this.remembered ?? null };
  }

  /**
   * Knows it from before, or looks up what is on disk.
   *
   * @param isOnlyThis whether nothing else will do
   * @throws {NodeJS.ErrnoException} when its --env-file can't be read
   * @throws {NoReleaseError} when it is gone, and nothing else will do
   */
  find(number: number, onProblem: (what: string) => void, isOnlyThis = false): Release {
    if (number === REMEMBERED && this.remembered && !this.known.has(number)) {
      this.known.set(number, { ...this.remembered, variables: readEnvFile(this.launch.envFile, onProblem) });
    }
    if (isOnlyThis) this.checkRollback(number);
    const known = this.known.get(number);
    const gone = known && whyGone(known);
    if (known && !gone) return known;
    if (gone) onProblem(`its release is gone (${gone}): what is on disk now is started`);
    const release = lookUp(this.launch, onProblem);
    this.known.set(number, release);
    return release;
  }

  /** @throws {NoReleaseError} when there is none with that number, or it is gone */
  checkRollback(number: number | null): void {
    const release = number === null ? undefined : this.known.get(number);
    if (!release)
      throw new NoReleaseError(
        "nothing to go back to: no other release than the one that serves has served under this supervisor",
      );
    const gone = whyGone(release);
    if (gone) throw new NoReleaseError(`the release that served before is gone: ${gone}`);
  }

  /** The oldest number of the same release. */
  recognize(number: number): number {
    const found = this.known.get(number);
    if (found && this.remembered && !this.known.has(REMEMBERED) && isSamePlace(found, this.remembered)) {
      this.known.set(REMEMBERED, found);
    }
    const text = JSON.stringify(this.known.get(number));
    const same = [...this.known].filter(([, release]) => JSON.stringify(release) === text);
    return Math.min(number, ...same.map(([other]) => other));
  }

  get(number: number): Release | undefined {
    return this.known.get(number);
  }

  /** In text, and without the values of its variables, which may be secrets. */
  describe(number: number): ReleaseFacts | undefined {
    const release = this.known.get(number);
    if (!release) return undefined;
    const { directory, executable, locations, variables } = release;
    return {
      directory: directory && toText(directory),
      executable: executable && toText(executable.real),
      arguments: this.launch.command.map((given, index) => toText(locations[index]?.path ?? given)),
      variables: Object.keys(variables).map(toText),
    };
  }

  /**
   * The paths that those need which are known, each once, as text.
   *
   * @param isFirst whether nothing serves yet: what is remembered may be needed then
   */
  paths(isFirst: boolean): string[] {
    const releases: Remembered[] = [...this.known.values()];
    if (isFirst && this.remembered) releases.push(this.remembered);
    const needed = releases.flatMap(({ directory, executable, locations }) => [
      directory,
      ...[executable, ...locations].flatMap(location => (location ? [location.path, location.real] : [])),
    ]);
    return [...new Set(needed.filter(path => path !== null).map(toText))];
  }

  keep(numbers: readonly number[]): void {
    for (const number of this.known.keys()) if (!numbers.includes(number)) this.known.delete(number);
  }
}

/** Why it can't be started any more; undefined when it can, or when nothing was there from the first. */
export function whyGone({ directory, executable }: Remembered): string | undefined {
  if (directory === null || executable === null) return undefined;
  try {
    if (!statSync(toPath(directory)).isDirectory()) return `${toText(directory)} is not a directory`;
    accessSync(toPath(directory), constants.X_OK);
    accessSync(toPath(executable.real), constants.X_OK);
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Paths are as they were given, for as long as they lead to the release, because scripts and interpreters expect that; else
 * they are where they led.
 */
export function placeOf({ directory, executable, locations, variables }: Release, launch: Wanted): Place {
  const paths = pathsOf(launch, variables);
  const { command } = launch;
  if (directory === null || executable === null) return { directory: launch.directory, paths, argv: command };
  const isFound = isSame(findExecutable(directory, paths), executable);
  return {
    directory,
    paths: isFound ? paths : [pathTo(executable)],
    argv: command.map((given, index) => {
      const location = locations[index] ?? null;
      return location === null || isSame(locate(given), location) ? given : pathTo(location);
    }),
  };
}

/** By the name that it had, if that still leads to it. */
function pathTo(location: Location): string {
  return isSame(locate(location.path), location) ? location.path : location.real;
}

function isSamePlace({ variables: _, ...found }: Release, remembered: Remembered): boolean {
  return JSON.stringify(found) === JSON.stringify(remembered);
}

function isSame(one: Location | null, other: Location): boolean {
  return one?.path === other.path && one.real === other.real;
}
