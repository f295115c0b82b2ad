// Making a response say that it is the last one of its connection.

import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";

type Headers = OutgoingHttpHeaders | readonly OutgoingHttpHeader[];

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
    const headers = rest.at(-1);
    const args =
      typeof headers === "object" && headers !== null ? [...rest.slice(0, -1), without(headers as Headers)] : rest;
    this.setHeader("Connection", "close");
    if (this.req.socket && !this.req.complete) closeOnceRead(this.req);
    return Reflect.apply(writeHead, this, [status, ...args]);
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
    if (request.complete) socket.destroySoon();
    else request.once("end", () => socket.destroySoon());
  };
}

/** Headers, without what they say of the connection. */
function without(headers: Headers): Headers {
  if (!Array.isArray(headers)) return Object.fromEntries(Object.entries(headers).filter(([name]) => !isHopByHop(name)));
  // Pairs, or names and values in turn.
  const list = headers as readonly unknown[];
  if (Array.isArray(list[0]))
    return list.filter(pair => !isHopByHop(String((pair as string[])[0]))) as unknown as Headers;
  return list.filter((_, index) => !isHopByHop(String(list[index - (index % 2)]))) as Headers;
}

function isHopByHop(name: string): boolean {
  return /^(?:connection|keep-alive)$/i.test(name);
}
