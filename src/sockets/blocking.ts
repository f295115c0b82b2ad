// O_NONBLOCK of sockets. It belongs to the open file, which all who have the socket share (open(2)): what one generation
// sets, all have.

import { native } from "../native/index.js";

/** Notes how sockets are now. @returns what makes them so again */
export function noteBlocking(fds: readonly number[]): () => void {
  const noted = fds.map(fd => [fd, native.isNonBlocking(fd)] as const);
  return () => {
    for (const [fd, nonBlocking] of noted) native.setNonBlocking(fd, nonBlocking);
  };
}
