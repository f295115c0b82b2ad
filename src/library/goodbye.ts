// Says goodbye to the connections that HTTP has left to others, such as WebSockets: the app tells each client to connect again.

import type { IncomingMessage } from "node:http";
import type { Server } from "node:net";
import type { Duplex } from "node:stream";
import { say } from "./logger.js";
import type { Track } from "./track.js";

/** Tells one client; an error for it must not stop the others, or the requests under way. */
export type Tell = (socket: Duplex) => void;

export function makeTell(goodbye: Tell | undefined): Tell {
  return socket => {
    try {
      goodbye?.(socket);
    } catch (error) {
      say("err", `goodbye: ${(error as Error)?.stack ?? error}`);
    }
  };
}

/**
 * Tells the clients that are connected now, spread over a time, so that they don't all connect again at once. Each connection
 * that HTTP/1 leaves to the app later is told at once.
 *
 * @param spread ms
 * @returns a function that ends it
 */
export function sayGoodbye(server: Server, track: Track, tell: Tell, spread: number): () => void {
  const end = spreadOver([...track.upgraded], spread, socket => {
    if (track.upgraded.has(socket)) tell(socket);
  });
  // An accepted connection may still be upgraded during the drain. The app's own listener comes first.
  for (const event of ["upgrade", "connect"]) {
    if (server.listenerCount(event) === 0) continue;
    server.on(event, (request: IncomingMessage, socket: Duplex) => {
      if (request.httpVersionMajor === 1) tell(socket);
    });
  }
  return end;
}

/** Takes one after the other, at even distances. Those whose time passes while the process is busy are taken together. */
function spreadOver<T>(all: readonly T[], spread: number, take: (one: T) => void): () => void {
  const start = performance.now();
  let taken = 0;
  let timer: NodeJS.Timeout | undefined;
  const goOn = () => {
    const elapsed = performance.now() - start;
    const due = spread > 0 ? Math.floor((elapsed / spread) * all.length) + 1 : all.length;
    for (const one of all.slice(taken, due)) take(one);
    taken = Math.max(taken, due);
    if (taken < all.length) timer = setTimeout(goOn, (taken / all.length) * spread - elapsed);
  };
  goOn();
  return () => clearTimeout(timer);
}
