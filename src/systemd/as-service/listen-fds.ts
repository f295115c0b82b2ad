// The sockets that systemd passes: sd_listen_fds(3), sd_listen_fds_with_names(3).

import { existsSync, fstatSync } from "node:fs";
import { descriptorLink, EPOLL } from "../../linux/proc.js";
import { type NativeError, native } from "../../native/index.js";

/**
 * The first passed descriptor (SD_LISTEN_FDS_START).
 *
 * @example
 * ```ts
 * import { LISTEN_FDS_START, listenFds } from "zerodown/systemd-socket";
 *
 * for (const { fd, name } of listenFds()) console.log(`socket ${fd - LISTEN_FDS_START} is ${name}`);
 * ```
 */
export const LISTEN_FDS_START = 3;

/** The name of a descriptor that was given none (sd_listen_fds_with_names(3)). */
export const UNNAMED = "unknown";

export interface PassedFd {
  readonly fd: number;
  /** The name from LISTEN_FDNAMES; UNNAMED where there are no names. */
  readonly name: string;
}

/**
 * The environment promises descriptors that aren't there, or garbles the promise.
 *
 * @example
 * ```ts
 * import { ListenFdsError, listenFds } from "zerodown/systemd-socket";
 *
 * try {
 *   console.log(listenFds());
 * } catch (error) {
 *   if (error instanceof ListenFdsError) console.error(error.message);
 * }
 * ```
 */
export class ListenFdsError extends Error {
  override name = "ListenFdsError";
}

/**
 * Returns what systemd passed to this process: descriptors 3, 4, … with their names.
 *
 * @param environment LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES and LISTEN_PIDFDID are read
 * @param ignored called with a line for people when there are sockets, but not for this process
 * @throws {ListenFdsError} when the variables are garbled or don't match the descriptors that are open
 */
export function listenFds(environment: NodeJS.ProcessEnv, ignored: (why: string) => void): PassedFd[] {
  const { LISTEN_FDS, LISTEN_PID } = environment;
  if (LISTEN_FDS === undefined) return [];
  if (LISTEN_PID === undefined) {
    ignored(`LISTEN_FDS=${LISTEN_FDS} is set, but LISTEN_PID is not: it is taken for a leftover, no sockets are used`);
    return [];
  }
  if (parseNumber("LISTEN_PID", LISTEN_PID) !== process.pid) {
    ignored(
      `the sockets are for pid ${LISTEN_PID} (LISTEN_PID), but this is pid ${process.pid}: none are used. ` +
        "Usually npm, npx or a shell stands between, and ran this without exec: name the program itself in ExecStart=",
    );
    return [];
  }
  if (isOtherProcess(environment.LISTEN_PIDFDID)) {
    ignored(`the sockets are for an earlier process of pid ${LISTEN_PID} (LISTEN_PIDFDID): none are used`);
    return [];
  }
  const count = parseNumber("LISTEN_FDS", LISTEN_FDS);
  const names = parseNames(environment.LISTEN_FDNAMES, count);
  const passed: PassedFd[] = [];
  for (let fd = LISTEN_FDS_START; fd < LISTEN_FDS_START + count; fd++) {
    if (!isPassed(fd)) {
      throw new ListenFdsError(
        `LISTEN_FDS=${LISTEN_FDS} promises descriptors 3 to ${2 + count}, but ${fd} is not open`,
      );
    }
    passed.push({ fd, name: names?.[fd - LISTEN_FDS_START] ?? UNNAMED });
  }
  return passed;
}

function parseNumber(variable: string, text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 0x7fffffff - LISTEN_FDS_START) {
    throw new ListenFdsError(
      `${variable}="${text}" isn't a number: whatever started zerodown must set it as sd_listen_fds(3) says`,
    );
  }
  return number;
}

function parseNames(text: string | undefined, count: number): string[] | undefined {
  if (text === undefined) return undefined;
  const names = text === "" ? [] : text.split(":");
  if (names.length !== count) {
    throw new ListenFdsError(`LISTEN_FDNAMES="${text}" has ${names.length} names for the ${count} of LISTEN_FDS`);
  }
  return names;
}

/** systemd 259 and later name the process by its pidfd's inode too, because pids come around again. */
function isOtherProcess(pidfdId: string | undefined): boolean {
  if (pidfdId === undefined) return false;
  const ours = native.pidfdId(process.pid);
  return ours !== "" && ours !== pidfdId;
}

/** Open, and not one of Node's own: those begin with an epoll instance, which no service manager passes. */
function isPassed(fd: number): boolean {
  // The link asks no file system, unlike fstat(2): what was stored may be of one that hangs.
  const link = descriptorLink(fd);
  return link === undefined ? !existsSync("/proc/self/fd") && isOpen(fd) : link !== EPOLL;
}

/** Works without /proc, where Node's own descriptors can't be told from others. */
function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch (error) {
    if ((error as NativeError).code === "EBADF") return false;
    throw error;
  }
}

/**
 * For a supervisor, whose every generation would get the same connection.
 *
 * @param passed but for what is stored by zerodown: that may well be connections
 * @throws {ListenFdsError} when a .socket unit with Accept=yes passed one client's connection
 */
export function refuseConnections(passed: readonly PassedFd[]): void {
  // Such a unit passes nothing else. Its name may be any (FileDescriptorName=, since systemd 257).
  const [first, ...others] = passed;
  if (first === undefined || others.length > 0 || !isAccepted(first.fd)) return;
  throw new ListenFdsError(
    `descriptor ${first.fd} is one client's connection: the .socket unit has Accept=yes. Set Accept=no, ` +
      "which passes the listening socket",
  );
}

function isAccepted(fd: number): boolean {
  const { type, connected, listening, path } = native.describeSocket(fd) ?? {};
  const isConnection = (type === "stream" || type === "seqpacket") && connected === true && !listening;
  // A unix socket that was connected from this side, as OpenFile= does, has no path of its own.
  return isConnection && path !== "";
}
