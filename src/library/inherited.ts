// The sockets that this process was passed, and who has taken them.

import { native } from "../native/index.js";
import { listenFds, type PassedFd } from "../systemd/as-service/listen-fds.js";
import { say } from "./logger.js";

let passed: readonly PassedFd[] | undefined;
const taken = new Set<number>();

/**
 * Takes a passed socket for a server.
 *
 * @param wanted its name in LISTEN_FDNAMES, or its index; undefined: the only one that listens and isn't taken
 * @returns undefined when none was passed
 * @throws {RangeError} when it isn't there, is taken, or can't be told from others
 */
export function takeSocket(wanted: string | number | undefined): PassedFd | undefined {
  passed ??= listenFds(process.env, why => say("warning", why));
  if (passed.length === 0) return undefined;
  const socket = find(passed, wanted);
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
