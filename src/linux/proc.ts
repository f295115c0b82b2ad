// What links of /proc tell of descriptors. A unit may have no /proc (InaccessiblePaths=), or only its processes (ProcSubset=pid).

import { readlinkSync } from "node:fs";

/**
 * What a link leads to; undefined where there is none, or we may not look. In a list of descriptors each must be asked for
 * itself: one may be closed meanwhile, and in our own list the one always is by which that was read.
 */
export function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Says what our descriptor is open on: "/run/app.fifo", "socket:[123]"; undefined where there is no /proc to tell. */
export function descriptorLink(fd: number): string | undefined {
  return readLink(`/proc/self/fd/${fd}`);
}

/** The link of an epoll instance. */
export const EPOLL = "anon_inode:[eventpoll]";

/** An event loop, which no other process can use. Without /proc none is found. */
export function isEpoll(fd: number): boolean {
  return descriptorLink(fd) === EPOLL;
}
