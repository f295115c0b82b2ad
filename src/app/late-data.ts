// A process that was busy finds that a connection's time is over before it finds what the connection has sent. Whoever is
// about to close one for its silence reads first.

import type { ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";

/** Calls back when all that has arrived by now was read. */
export function whenRead(callback: () => void): void {
  // The first turn may be the one that is under way, whose reading is over.
  setImmediate(() => setImmediate(callback));
}

/** Node closes a connection at its time (`keepAliveTimeout`, `timeout`), unless somebody listens to that: from now on this. */
export function readBeforeTimeout(server: Server): void {
  const listener = (socket: Socket) => {
    if (server.listenerCount("timeout") > 1 || isHeard(socket)) return; // The app decides.
    const { bytesRead } = socket;
    whenRead(() => {
      if (socket.bytesRead === bytesRead) socket.destroy();
    });
  };
  server.on("timeout", listener);
}

/** Whether the app has said by `request.setTimeout()` or `response.setTimeout()` what is to be done. */
function isHeard(socket: Socket): boolean {
  // Not documented, as in Http1Drain.
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse };
  if (!response) return false;
  const { req: request } = response;
  return response.listenerCount("timeout") > 0 || (!request.complete && request.listenerCount("timeout") > 0);
}
