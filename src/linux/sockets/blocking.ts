// O_NONBLOCK belongs to the open file, which all processes that have the socket share (open(2)): what one generation sets,
// all have.

import { native } from "../../native/index.js";

/** Notes whether sockets are non-blocking now. @returns a function that restores that */
export function noteBlocking(fds: readonly number[]): () => void {
  const noted = fds.map(fd => [fd, native.isNonBlocking(fd)] as const);
  return () => {
    for (const [fd, nonBlocking] of noted) native.setNonBlocking(fd, nonBlocking);
  };
}
