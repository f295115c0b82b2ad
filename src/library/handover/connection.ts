// What Node keeps of an HTTP/1.1 connection, as far as one must know it to let go of a connection, or to take one. Some of it
// isn't documented. Where it isn't there no connection moves, and the drain is what it is without a handover.

import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import { type Server, Socket } from "node:net";
import { whenRead } from "../late-data.js";

/** libuv's stream. */
interface Handle {
  readonly fd: number;
  readonly writeQueueSize: number;
  readStart?: () => number;
  readStop(): number;
}

/** A server's handle is called back with each connection that it accepts. */
interface Listening {
  onconnection?: (status: number, handle: unknown) => void;
}

interface Parser {
  execute?: (bytes: Buffer) => unknown;
  onIncoming?: (...request: unknown[]) => unknown;
  incoming: IncomingMessage | null;
}

interface Inner {
  _handle?: Handle | null;
  parser?: Parser | null;
  /** The response that has the connection. */
  _httpMessage?: ServerResponse | null;
  /** Node has stopped reading, because the client doesn't read its answers. */
  _paused?: boolean;
}

/** What node:http itself waits longer for a connection than it says, where it has no property for it; ms. */
const KEEP_ALIVE_BUFFER = 1000;
const CONNECTIONS = "http.server.connections";
/** What the parser is given so that it stands where a request has been answered. Nobody hears of it. */
const REQUEST = Buffer.from("GET / HTTP/1.1\r\nHost: -\r\n\r\n");

/** Whether the server's connections can move: those of HTTP/1.1 without TLS, where this Node has what it takes. */
export function canHandOver(server: Server): server is HttpServer {
  const { _handle: listening } = server as unknown as { _handle?: Listening };
  return (
    "closeIdleConnections" in server &&
    !("setSecureContext" in server) &&
    !("updateSettings" in server) &&
    typeof listening?.onconnection === "function" &&
    idleParsers(server) !== undefined
  );
}

/** The parsers that stand between two messages: what closeIdleConnections() goes by. undefined where this Node hides them. */
export function idleParsers(server: Server): ReadonlySet<unknown> | undefined {
  const symbol = Object.getOwnPropertySymbols(server).find(({ description }) => description === CONNECTIONS);
  const list = symbol && (server as unknown as Record<symbol, { idle?: () => unknown[] } | undefined>)[symbol];
  return typeof list?.idle === "function" ? new Set(list.idle()) : undefined;
}

/** Whether the connection may move once it is idle: HTTP still has it, and both sides may go on to use it. */
export function mayMove(socket: Socket): boolean {
  const { parser, _handle: handle } = socket as Inner;
  return (
    typeof parser?.execute === "function" &&
    typeof parser.onIncoming === "function" &&
    typeof handle?.readStop === "function" &&
    handle.fd >= 0 &&
    !socket.destroyed &&
    !socket.readableEnded &&
    !socket.writableEnded
  );
}

/**
 * Whether the connection is idle: all that was read of it is answered, and all of the answers are in the kernel. Not to be asked
 * while the parser is at work, which may have more in its hands.
 *
 * @param idle those of its server, as of now
 */
export function isIdle(socket: Socket, idle: ReadonlySet<unknown>): boolean {
  const { parser, _handle: handle, _httpMessage: response, _paused: isPaused } = socket as Inner;
  return (
    mayMove(socket) &&
    !response &&
    !isPaused &&
    socket.readableLength === 0 &&
    socket.writableLength === 0 &&
    handle?.writeQueueSize === 0 &&
    // To the parser a connection that has brought nothing yet is one whose first message has begun.
    (idle.has(parser) || socket.bytesRead === 0)
  );
}

/** Calls back when the request has come whose response may have ended before it. */
export function whenRequestEnds(socket: Socket, callback: () => void): void {
  const { parser } = socket as Inner;
  if (parser?.incoming && !parser.incoming.complete) parser.incoming.once("close", callback);
}

/** From now on nothing is read, and no time is over. @returns the descriptor */
export function hold(socket: Socket): number {
  const handle = (socket as Inner)._handle!;
  handle.readStop();
  // A stream that was paused for a while, as for a request's body, may be about to read on.
  handle.readStart = () => 0;
  socket.setTimeout(0);
  return handle.fd;
}

/** It stays here after all. */
export function goOn(server: HttpServer, socket: Socket): void {
  const { _handle: handle } = socket as Inner;
  if (socket.destroyed || !handle) return;
  socket.setTimeout(server.timeout || 0);
  // That of its prototype stands again.
  delete handle.readStart;
  handle.readStart!();
  endSilence(server, socket);
}

const counts = new WeakMap<Socket, number>();

/** Counts what `maxRequestsPerSocket` limits, where it does. */
export function countRequests(server: HttpServer): void {
  server.on("request", ({ socket }: IncomingMessage) => {
    if (server.maxRequestsPerSocket) counts.set(socket, (counts.get(socket) ?? 0) + 1);
  });
}

/** How many requests the connection has brought: at least so many; 0 for none. */
export function requestsOn(socket: Socket): number {
  return Math.max(counts.get(socket) ?? 0, socket.bytesRead > 0 ? 1 : 0);
}

/**
 * Makes a connection the server's, as if it had been accepted here and had brought so many requests.
 *
 * @returns undefined where the server can't have it, and it is closed here
 * @throws {Error} when the descriptor is none of a connection; it is open still
 */
export function take(server: HttpServer, fd: number, requests: number): Socket | undefined {
  const { _handle: listening } = server as unknown as { _handle?: Listening | null };
  // A carrier for the handle, which is made of the descriptor in no other documented way.
  const carrier = new Socket({ fd, readable: false });
  const { _handle: handle } = carrier as Inner;
  if (isFull(server) || typeof listening?.onconnection !== "function") {
    carrier.destroy();
    return undefined;
  }
  (carrier as Inner)._handle = null;
  let taken: Socket | undefined;
  const note = (socket: Socket) => (taken = socket);
  server.prependOnceListener("connection", note);
  try {
    listening.onconnection(0, handle);
  } catch (error) {
    // A listener of the app's has thrown it, and would have done so for a client, too.
    process.nextTick(() => {
      throw error;
    });
  }
  // The server's block list may have refused it.
  server.off("connection", note);
  if (taken && requests > 0) beIdle(server, taken, requests);
  return taken;
}

function isFull(server: HttpServer): boolean {
  const { maxConnections, _connections: count = 0 } = server as {
    maxConnections?: number | null;
    _connections?: number;
  };
  return typeof maxConnections === "number" && count >= maxConnections;
}

function beIdle(server: HttpServer, socket: Socket, requests: number): void {
  const { parser } = socket as Inner;
  const onIncoming = parser?.onIncoming;
  if (!parser?.execute || !onIncoming) return;
  // Otherwise the connection would count as one whose first request is late, and be answered 408 after `headersTimeout`.
  parser.onIncoming = () => 0;
  parser.execute(REQUEST);
  parser.incoming = null;
  parser.onIncoming = onIncoming;
  counts.set(socket, requests);
  if (server.maxRequestsPerSocket) {
    parser.onIncoming = (...request) => countFrom(server, requests, () => onIncoming(...request));
  }
  endSilence(server, socket);
}

/** Node counts the requests of a connection where nobody else can, and compares with the limit as it is just then. */
function countFrom<T>(server: HttpServer, requests: number, receive: () => T): T {
  const { maxRequestsPerSocket: limit } = server;
  if (!limit) return receive();
  server.maxRequestsPerSocket = Math.max(limit - requests, 1);
  try {
    return receive();
  } finally {
    server.maxRequestsPerSocket = limit;
  }
}

/** Ends a connection that brings nothing for `keepAliveTimeout`, from now on. From its next request on Node does that. */
function endSilence(server: HttpServer, socket: Socket): void {
  const { keepAliveTimeout, keepAliveTimeoutBuffer = KEEP_ALIVE_BUFFER } = server as HttpServer & {
    keepAliveTimeoutBuffer?: number;
  };
  if (!keepAliveTimeout) return;
  const { bytesRead } = socket;
  const end = () => {
    // The listener of readBeforeTimeout() ends it, unless the app has one, which decides.
    if (socket.bytesRead === bytesRead && !socket.destroyed) server.emit("timeout", socket);
  };
  const timer = setTimeout(() => whenRead(end), keepAliveTimeout + keepAliveTimeoutBuffer);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}
