// O_NONBLOCK belongs to the open file, which all processes that have the socket share (open(2)): what one generation
// sets, all have.

import { native } from "../../native/index.js";

/** Whether each of some sockets was non-blocking: plain data, which JSON can hold. */
export type Blocking = readonly { readonly fd: number; readonly nonBlocking: boolean }[];

/** Notes whether sockets are non-blocking now. */
export function noteBlocking(fds: readonly number[]): Blocking {
  return fds.map(fd => ({ fd, nonBlocking: native.isNonBlocking(fd) }));
}

/** Makes sockets block as they did when that was noted. */
export function restoreBlocking(noted: Blocking): void {
  for (const { fd, nonBlocking } of noted) native.setNonBlocking(fd, nonBlocking);
}
