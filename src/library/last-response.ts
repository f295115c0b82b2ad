// Makes a response say that it is the last one of its connection.

import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";

type Headers = OutgoingHttpHeaders | readonly OutgoingHttpHeader[];

/** How long a client may pause while it sends the rest of a body that nobody waits for, ms. */
const LINGER = 2000;

/**
 * Adds `Connection: close`, in place of what the app says of the connection, when the response's headers go out. Headers
 * that are gone stay as they are.
 *
 * @param isLast called when the headers go out
 */
export function makeLast(response: ServerResponse, isLast: () => boolean): void {
  if (response.headersSent) return;
  const writeHead = response.writeHead;
  // Node calls writeHead() for headers that nobody writes explicitly, too.
  response.writeHead = function (this: ServerResponse, status: number, ...rest: unknown[]): ServerResponse {
    response.writeHead = writeHead;
    if (!isLast()) return Reflect.apply(writeHead, this, [status, ...rest]);
    if (this.req.socket && !this.req.complete) closeOnceRead(this.req);
    const headers = rest.at(-1);
    if (typeof headers !== "object" || headers === null) {
      this.setHeader("Connection", "close");
      return Reflect.apply(writeHead, this, [status, ...rest]);
    }
    // We must not call setHeader() here: after it, Node merges names that repeat (Set-Cookie), and takes no pairs.
    if (this.hasHeader("Connection")) this.removeHeader("Connection");
    return Reflect.apply(writeHead, this, [status, ...rest.slice(0, -1), withClose(headers as Headers)]);
  } as ServerResponse["writeHead"];
}

/**
 * Delays the close until the request's body is read. Node closes the connection after the last response even while the body
 * is still on its way. The kernel resets a connection that is closed with bytes unread, and the reset overtakes the response.
 */
function closeOnceRead(request: IncomingMessage): void {
  const { socket } = request;
  const destroySoon = socket.destroySoon;
  socket.destroySoon = () => {
    socket.destroySoon = destroySoon;
    if (request.complete) return socket.destroySoon();
    request.once("end", () => socket.destroySoon());
    // The app may have stopped reading; and a body that was refused after `Expect: 100-continue` never comes.
    request.resume();
    socket.setTimeout(LINGER, () => socket.destroySoon());
  };
}

/** Returns the headers with `Connection: close` in place of what they say of the connection. */
function withClose(headers: Headers): Headers {
  if (!Array.isArray(headers)) {
    const others = Object.entries(headers).filter(([name]) => !isHopByHop(name));
    return { ...Object.fromEntries(others), Connection: "close" };
  }
  // The array holds pairs, or names and values in turn.
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
