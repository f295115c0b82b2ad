// Making a response say that it is the last one of its connection.

import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";

type Headers = OutgoingHttpHeaders | readonly OutgoingHttpHeader[];

/** How long a client may pause that still sends what nobody waits for, ms. */
const LINGER = 2000;

/**
 * Adds `Connection: close`, in place of what the app says of the connection, when the response's headers go out; unless they
 * are gone.
 *
 * @param isLast asked at that moment
 */
export function makeLast(response: ServerResponse, isLast: () => boolean): void {
  if (response.headersSent) return;
  const writeHead = response.writeHead;
  // Node calls it for headers that nobody writes explicitly, too.
  response.writeHead = function (this: ServerResponse, status: number, ...rest: unknown[]): ServerResponse {
    response.writeHead = writeHead;
    if (!isLast()) return Reflect.apply(writeHead, this, [status, ...rest]);
    if (this.req.socket && !this.req.complete) closeOnceRead(this.req);
    const headers = rest.at(-1);
    if (typeof headers !== "object" || headers === null) {
      this.setHeader("Connection", "close");
      return Reflect.apply(writeHead, this, [status, ...rest]);
    }
    // Not by setHeader() too: where that was called Node takes names that repeat (Set-Cookie) for one, and no pairs.
    if (this.hasHeader("Connection")) this.removeHeader("Connection");
    return Reflect.apply(writeHead, this, [status, ...rest.slice(0, -1), withClose(headers as Headers)]);
  } as ServerResponse["writeHead"];
}

/**
 * A connection that is closed with bytes unread is reset, and the reset overtakes the response. Node closes it after the last
 * response, also when the request's body is still on its way.
 */
function closeOnceRead(request: IncomingMessage): void {
  const { socket } = request;
  const destroySoon = socket.destroySoon;
  socket.destroySoon = () => {
    socket.destroySoon = destroySoon;
    if (request.complete) return socket.destroySoon();
    request.once("end", () => socket.destroySoon());
    // The app may have stopped reading; and what was refused after `Expect: 100-continue` never comes.
    request.resume();
    socket.setTimeout(LINGER, () => socket.destroySoon());
  };
}

/** Headers, with `Connection: close` in place of what they say of the connection. */
function withClose(headers: Headers): Headers {
  if (!Array.isArray(headers)) {
    const others = Object.entries(headers).filter(([name]) => !isHopByHop(name));
    return { ...Object.fromEntries(others), Connection: "close" };
  }
  // Pairs, or names and values in turn.
  const list = headers as readonly unknown[];
  if (Array.isArray(list[0])) {
    const others = (list as readonly string[][]).filter(([name]) => !isHopByHop(String(name)));
    return [...others, ["Connection", "close"]] as unknown as Headers;
  }
  const others = list.filter((_, index) => !isHopByHop(String(list[index - (index % 2)])));
  return [...others, "Connection", "close"] as Headers;
}

function isHopByHop(name: string): boolean {
  return /^(?:connection|keep-alive)$/i.test(name);
}
