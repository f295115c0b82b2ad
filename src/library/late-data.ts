// A process that was busy sees that a connection's time is over before it reads what the connection has sent. So it must
// read once more before it closes a connection for its silence.

import type { ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";

/** Calls back when everything that has arrived by now is read. */
export function whenRead(callback: () => void): void {
  // The first callback may run in the current turn of the event loop, whose reading is over.
  setImmediate(() => setImmediate(callback));
}

/** Takes over from Node, by listening to "timeout", the close of connections at `keepAliveTimeout` and `timeout`. */
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

/** Whether the app handles the timeout itself, by `request.setTimeout()` or `response.setTimeout()`. */
function isHeard(socket: Socket): boolean {
  // `_httpMessage` isn't documented; see Http1Drain.
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse };
  if (!response) return false;
  const { req: request } = response;
  return response.listenerCount("timeout") > 0 || (!request.complete && request.listenerCount("timeout") > 0);
}
