// /proc tells about our own descriptors. A unit may have no /proc (InaccessiblePaths=), or only its processes (ProcSubset=pid).

import { readlinkSync } from "node:fs";

/** Says what the descriptor is open on: "/run/app.fifo", "socket:[123]"; undefined where there is no /proc to tell. */
export function descriptorLink(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

/** The link of an epoll instance. */
export const EPOLL = "anon_inode:[eventpoll]";

/** An event loop, which no other process can use. Without /proc none is found. */
export function isEpoll(fd: number): boolean {
  return descriptorLink(fd) === EPOLL;
}
