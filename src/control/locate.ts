// Where a supervisor's control socket is, told from its pid.

import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats, statSync } from "node:fs";
import { readLink } from "../linux/proc.js";
import {
  runtimeDirectoriesIn,
  runtimeDirectoryIn,
  runtimePlaces,
  SOCKET_PATH_BYTES,
} from "../systemd/as-service/runtime-directory.js";

/** Its name in the runtime directory: of the socket itself, or of a link to where --control puts it. */
export const CONTROL_NAME = "control";

/**
 * The control socket of the supervisor with this pid, in its runtime directory, which its environment tells. Where /proc
 * doesn't show that, our own environment is taken, which is the same for a command of the same unit.
 *
 * @returns undefined when there is none
 */
export function locateControl(pid: number): string | undefined {
  const places = [...runtimePlaces(readEnvironment(pid)), ...runtimePlaces(process.env)];
  const directories = places.flatMap(place => runtimeDirectoriesIn(place, pid));
  const withControl = directories.filter(directory => look(`${directory}/${CONTROL_NAME}`));
  const directory = choose(withControl, pid);
  return directory && follow(`${directory}/${CONTROL_NAME}`, pid);
}

/**
 * Where --control puts the socket elsewhere there is a link to it, which holds in the supervisor's own root: it may have a
 * /tmp of its own. Where we may not look into that, ours is taken, if the socket there is of the same user.
 */
function follow(path: string, pid: number): string | undefined {
  const link = look(path);
  if (!link?.isSymbolicLink()) return link && path;
  const target = readlinkSync(path);
  const inside = `/proc/${pid}/root${target}`;
  if (stat(`/proc/${pid}/root/`) && Buffer.byteLength(inside) <= SOCKET_PATH_BYTES) return inside;
  return stat(target)?.uid === link.uid ? target : undefined;
}

/**
 * Of directories that may be the supervisor's: the one that it holds open; where /proc doesn't show that, the first of its
 * user's. Others may be leftovers, those of a supervisor with the same pid in a container, or another user's trap.
 */
function choose(directories: readonly string[], pid: number): string | undefined {
  const isOwners = (owner: number) => (directory: string) => stat(directory)?.uid === owner;
  const held = openDirectories(pid);
  const isHeld = (directory: string) => {
    const there = stat(directory);
    return held.some(file => file.ino === there?.ino && file.dev === there.dev);
  };
  return directories.find(isHeld) ?? directories.find(isOwners(userOf(pid) ?? process.geteuid!()));
}

/** What a process has open of the name that its runtime directory has, as far as that may be seen. */
function openDirectories(pid: number): Stats[] {
  const links = `/proc/${pid}/fd`;
  const name = runtimeDirectoryIn("", pid);
  try {
    // By their names first: to look at a file may take as long as the file system that it is of likes.
    const named = readdirSync(links).filter(fd => readLink(`${links}/${fd}`)?.includes(name));
    return named.flatMap(fd => stat(`${links}/${fd}`) ?? []);
  } catch {
    return [];
  }
}

/** A link itself, and not what it leads to. */
function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined; // It is gone, or not for our eyes.
  }
}

function stat(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // It is gone, or not for our eyes.
  }
}

/** Whose files a process makes: its effective user; undefined where that can't be seen. */
function userOf(pid: number): number | undefined {
  try {
    const [, user] = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return user === undefined ? undefined : Number(user);
  } catch {
    return undefined;
  }
}

function readEnvironment(pid: number): NodeJS.ProcessEnv {
  return Object.fromEntries(
    readNulSeparated(`/proc/${pid}/environ`).map(line => {
      const equals = line.indexOf("=");
      return [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
}

function readNulSeparated(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\0").filter(Boolean);
  } catch {
    return [];
  }
}
