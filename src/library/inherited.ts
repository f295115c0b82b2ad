// The sockets that this process was passed, and who has taken them.

import { native } from "../native/index.js";
import { listenFds, type PassedFd } from "../systemd/as-service/listen-fds.js";
import { say } from "./logger.js";

let passed: readonly PassedFd[] | undefined;
const taken = new Set<number>();
let isProbeTaken = false;

/** Whether this process is only tried, by zerodown reload --dry-run: it gets none of the service's sockets. */
export function isTried(): boolean {
  return process.env.ZERODOWN_DRY_RUN === "1";
}

function readPassed(): readonly PassedFd[] {
  passed ??= listenFds(process.env, why => say("warning", why));
  return passed;
}

/** The descriptor is the supervisor's addition to the sockets. A helper process of the app has the variable, but no sockets. */
function isProbe({ fd }: PassedFd): boolean {
  return String(fd) === process.env.ZERODOWN_PROBE_FD;
}

/** Takes the socket of the supervisor's probes, for the first server that asks; undefined for others, and where there is none. */
export function takeProbe(): PassedFd | undefined {
  const probe = isProbeTaken ? undefined : readPassed().find(isProbe);
  isProbeTaken ||= probe !== undefined;
  return probe;
}

/**
 * Takes a passed socket for a server.
 *
 * @param wanted its name in LISTEN_FDNAMES, or its index; undefined: the only one that listens and isn't taken
 * @returns undefined when none was passed
 * @throws {RangeError} when it isn't there, is taken, or can't be told from others
 */
export function takeSocket(wanted: string | number | undefined): PassedFd | undefined {
  const sockets = readPassed().filter(socket => !isProbe(socket));
  if (sockets.length === 0) return undefined;
  const socket = find(sockets, wanted);
  if (taken.has(socket.fd)) {
    throw new RangeError(`serve(): descriptor ${socket.fd} ("${socket.name}") is served already: one server a socket`);
  }
  taken.add(socket.fd);
  return socket;
}

function find(all: readonly PassedFd[], wanted: string | number | undefined): PassedFd {
  const names = all.map(({ name }, index) => `${index} "${name}"`).join(", ");
  if (wanted === undefined) {
    const free = all.filter(({ fd }) => !taken.has(fd));
    // Stored descriptors and extraFds come along with the sockets, so the only one that listens is meant.
    const listening = free.filter(({ fd }) => native.describeSocket(fd)?.listening);
    const [first, ...more] = listening.length > 0 ? listening : free;
    if (first && more.length === 0) return first;
    if (!first) throw new RangeError(`serve(): all sockets that were passed (${names}) are served already`);
    throw new RangeError(`serve(): which socket? With { socket: NAME } or { socket: INDEX } it is one of: ${names}`);
  }
  const found = typeof wanted === "number" ? [all[wanted]] : all.filter(({ name }) => name === wanted);
  // Several sockets may have one name, as those of one .socket unit do: each server takes the next.
  const socket = found.find(one => one && !taken.has(one.fd)) ?? found[0];
  if (!socket) throw new RangeError(`serve(): no socket ${JSON.stringify(wanted)} was passed, but: ${names}`);
  return socket;
}
