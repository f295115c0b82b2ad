// Where the sockets between the supervisor and its generations live.

import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { removeTree } from "../../linux/remove-tree.js";
import { removeSocketFile } from "../../linux/sockets/remove.js";
import { native } from "../../native/index.js";

/** The bytes that the path of a socket may have (unix(7)): sun_path, less the NUL at its end. */
export const SOCKET_PATH_BYTES = 107;
/** The longest pid of a 64-bit Linux (proc_sys_kernel(5), pid_max). */
const LONGEST_PID = 4_194_304;
/** Numbers in the names of notify sockets: they begin again, so that no name grows. */
const NUMBERS = 1_000_000;
/** The end of the names of directories in it. */
const OWN_DIRECTORY = ".d";
/** mkdtemp(3) adds as many bytes to a name, with the "." before them. */
const SUFFIX_BYTES = 7;

/** A directory that this process holds. */
export interface RuntimeDirectory {
  readonly path: string;
  /** The directory is open and locked while this process lives, so that others know it for a living supervisor's. */
  readonly fd: number;
}

/**
 * The directories that a supervisor with this environment may choose for its runtime directory, best first:
 * $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR, /run, the directory for temporary files.
 */
export function runtimePlaces({ RUNTIME_DIRECTORY = "", XDG_RUNTIME_DIR }: NodeJS.ProcessEnv): string[] {
  return [firstDirectory(RUNTIME_DIRECTORY), XDG_RUNTIME_DIR, "/run", tmpdir()].filter(
    place => place !== undefined && place !== "",
  ) as string[];
}

/** The first directory of StateDirectory=, which outlives the unit; undefined where there is none. */
export function stateDirectory({ STATE_DIRECTORY = "" }: NodeJS.ProcessEnv): string | undefined {
  return STATE_DIRECTORY === "" ? undefined : firstDirectory(STATE_DIRECTORY);
}

/** ":" separates the directories of RuntimeDirectory= or StateDirectory=, and may be part of a name, too: an instance's "api:8080". */
function firstDirectory(list: string): string {
  const parts = list.split(":");
  const prefixes = parts.map((_, index) => parts.slice(0, parts.length - index).join(":"));
  return prefixes.find(isDirectory) ?? parts[0]!;
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The runtime directory of the supervisor with this pid, in one of those places. */
export function runtimeDirectoryIn(place: string, pid: number): string {
  return `${place}/zerodown-${pid}`;
}

/** All that may be it: another one has that name where two supervisors with one pid share the place. */
export function runtimeDirectoriesIn(place: string, pid: number): string[] {
  const usual = runtimeDirectoryIn(place, pid);
  return [usual, ...others(place, usual)];
}

/** Where a generation that is one process notifies its supervisor. */
export function notifySocketIn(directory: string, generation: number): string {
  return `${directory}/notify-${generation % NUMBERS}`;
}

/** Where one of several processes of a generation does; the name is no longer than the one above. */
export function workerSocketIn(directory: string, generation: number, process: number): string {
  return `${directory}/worker-${(generation % 36 ** 2).toString(36)}.${(process % 36 ** 3).toString(36)}`;
}

/** Where probes reach one process: with a "." in it, so that no other name is the same, and no longer than these. */
export function probeSocketIn(directory: string, generation: number, process: number): string {
  return `${directory}/probe-${(generation % 36 ** 2).toString(36)}.${(process % 36 ** 3).toString(36)}`;
}

/** A directory for what belongs to a process with this notify socket alone. */
export function directoryOf(notifySocket: string): string {
  return `${notifySocket}${OWN_DIRECTORY}`;
}

/** The bytes of the longest path that a socket of a supervisor may have in such a place, whatever its pid and generation. */
export function longestSocketPath(place: string): number {
  return Buffer.byteLength(notifySocketIn(runtimeDirectoryIn(place, LONGEST_PID), NUMBERS - 1));
}

/**
 * Makes a directory that only this user can enter, in the first of those places that is writable and leaves room for
 * the names of sockets.
 *
 * @param onTooLong called with a line for people when a better place doesn't
 * @throws {Error} when there is none
 */
export function createRuntimeDirectory(
  environment: NodeJS.ProcessEnv,
  onTooLong: (what: string) => void,
): RuntimeDirectory {
  const places = runtimePlaces(environment);
  const tooLong: string[] = [];
  for (const place of places.filter(isWritable)) {
    const directory = claim(place);
    if (directory) {
      if (tooLong.length > 0) {
        onTooLong(
          `${tooLongText(tooLong)}; ${directory.path} is used, and a shorter RuntimeDirectory= would spare that`,
        );
      }
      return directory;
    }
    tooLong.push(place);
  }
  if (tooLong.length > 0) throw new Error(`${tooLongText(tooLong)}: set a shorter RuntimeDirectory= in the unit`);
  throw new Error(`no directory for sockets is writable (${places.join(", ")}): set RuntimeDirectory= in the unit`);
}

/** Says why no socket fits into these places. */
export function tooLongText(places: readonly string[]): string {
  const each = places.map(place => `${longestSocketPath(place)} bytes in ${place}`).join(", ");
  return `paths of zerodown's sockets would have up to ${each}, and Linux takes ${SOCKET_PATH_BYTES}`;
}

/** Removes it with all that is in it. @throws {NodeJS.ErrnoException} when it isn't ours */
export function removeRuntimeDirectory({ path, fd }: RuntimeDirectory): void {
  try {
    removeFiles(path);
    rmdirSync(path);
  } finally {
    closeSync(fd);
  }
}

/** @returns undefined when the names of sockets would be too long */
function claim(place: string): RuntimeDirectory | undefined {
  const room = SOCKET_PATH_BYTES - longestSocketPath(place);
  if (room < 0) return undefined;
  // Named by the pid, so that what a killed supervisor left behind is found when the pid comes around again.
  const usual = runtimeDirectoryIn(place, process.pid);
  const directory = take(usual);
  if (directory || room < SUFFIX_BYTES) return directory;
  // Another supervisor has it, that has the same pid in a container of its own; or another user is in the way.
  for (const other of others(place, usual)) {
    const directory = take(other);
    if (directory) return directory;
  }
  return makeOther(usual);
}

/** Makes a directory, or takes it over from a supervisor that is gone. @returns undefined when it is somebody's */
function take(path: string): RuntimeDirectory | undefined {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  }
  const fd = open(path);
  if (fd === undefined) return undefined;
  try {
    // Where everybody may write, it may be anybody's.
    if (fstatSync(fd).uid === process.geteuid!() && native.lock(fd) && isStillAt(path, fd)) {
      fchmodSync(fd, 0o700);
      removeFiles(path);
      return { path, fd };
    }
  } catch {
    // A file system that knows no locks, or something in it that isn't a socket.
  }
  closeSync(fd);
  return undefined;
}

function makeOther(usual: string): RuntimeDirectory {
  const path = mkdtempSync(`${usual}.`);
  const fd = openSync(path, constants.O_DIRECTORY);
  try {
    // Another supervisor that starts just now may have taken the directory for a leftover before we locked it.
    if (!native.lock(fd)) {
      closeSync(fd);
      return makeOther(usual);
    }
  } catch {
    // A file system that knows no locks: nobody takes a directory over there.
  }
  return { path, fd };
}

/** Never through a link. */
function open(path: string): number | undefined {
  try {
    return openSync(path, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isCode(error, "ELOOP", "ENOTDIR", "EACCES", "ENOENT")) return undefined;
    throw error;
  }
}

/** Whoever had it may have removed it before it was locked. */
function isStillAt(path: string, fd: number): boolean {
  const [there, here] = [lstatSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
  return there?.ino === here.ino && there.dev === here.dev;
}

function others(place: string, usual: string): string[] {
  const prefix = `${usual.slice(place.length + 1)}.`;
  try {
    return readdirSync(place).flatMap(name => (name.startsWith(prefix) ? [`${place}/${name}`] : []));
  } catch {
    return []; // We may enter the directory, but not list it.
  }
}

function removeFiles(directory: string): void {
  for (const file of readdirSync(directory)) {
    if (file.endsWith(OWN_DIRECTORY)) removeTree(`${directory}/${file}`);
    else removeSocketFile(`${directory}/${file}`);
  }
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code!);
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
