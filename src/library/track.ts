// Tracks what the drain must know of a server's connections. It tracks them from the beginning, so it must cost next to
// nothing: for HTTP/1 one listener a request, which reads one property; for HTTP/2 two a stream, which count.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2Session, Http2Stream, IncomingHttpHeaders } from "node:http2";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";

export interface Track {
  /** The connections as the server accepted them: below TLS, where there is TLS. */
  readonly accepted: ReadonlySet<Socket>;
  /** The accepted connections whose TLS handshake isn't finished. */
  readonly handshaking: ReadonlySet<Socket>;
  /** The connections that HTTP/1 is spoken on: above TLS. */
  readonly http: ReadonlySet<Socket>;
  /** The sessions of HTTP/2. */
  readonly sessions: ReadonlySet<Http2Session>;
  /** What HTTP has left to the app: connections of HTTP/1, by `upgrade` or `connect`, and streams of HTTP/2, by CONNECT. */
  readonly upgraded: ReadonlySet<Duplex>;
  /** Responses that wait for the one before them on their connection; undefined: its client has never pipelined. */
  queued(socket: Socket): ReadonlySet<ServerResponse> | undefined;
  /** How many times a stream of the session has come or ended so far. */
  streamChanges(session: Http2Session): number;
}

export function trackConnections(server: Server): Track {
  const accepted = new Set<Socket>();
  const http = isSecure(server) ? new Set<Socket>() : accepted;
  const sessions = new Set<Http2Session>();
  const upgraded = new Set<Duplex>();
  const queued = new WeakMap<Socket, Set<ServerResponse>>();
  collect(server, "connection", accepted);
  const handshaking = new Set<Socket>();
  if (http !== accepted) {
    collect(server, "secureConnection", http);
    collect(server, "connection", handshaking);
    // `_parent`, the socket below TLS, isn't documented. Without it no handshake counts as unfinished.
    server.on("secureConnection", ({ _parent: below }: { _parent?: Socket }) => {
      if (below) handshaking.delete(below);
      else handshaking.clear();
    });
  }
  collect(server, "session", sessions);
  const changes = new WeakMap<Http2Session, number>();
  if ("updateSettings" in server) {
    server.on("session", (session: Http2Session) => {
      const change = () => changes.set(session, (changes.get(session) ?? 0) + 1);
      session.on("stream", (stream: Http2Stream, headers: IncomingHttpHeaders) => {
        change();
        stream.once("close", change);
        if (isTunnel(headers)) keep(stream, upgraded);
      });
    });
  }
  // On an HTTP/2 server that goes by streams, a listener would bring the events of HTTP/1, and answers of Node's own.
  if (!("updateSettings" in server) || server.listenerCount("request") > 0) {
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      // The socket is null only in HTTP/1, when another response has the connection.
      if (response.socket !== null || !request.socket) return;
      const responses = queued.get(request.socket) ?? new Set();
      queued.set(request.socket, responses.add(response));
      response.once("close", () => responses.delete(response));
    });
  }
  // If we alone listened, Node would leave the connection to us.
  server.on("newListener", (event: string) => {
    if (event === "upgrade" || event === "connect") watchUpgrades(server, event, upgraded);
  });
  for (const event of ["upgrade", "connect"]) {
    if (server.listenerCount(event) > 0) watchUpgrades(server, event, upgraded);
  }
  return {
    accepted,
    handshaking,
    http,
    sessions,
    upgraded,
    queued: socket => queued.get(socket),
    streamChanges: session => changes.get(session) ?? 0,
  };
}

interface Closing {
  once(event: "close", listener: () => void): unknown;
}

/** Collects what an event brings, and keeps it until it closes. */
function collect<T extends Closing>(server: Server, event: string, into: Set<T>): void {
  server.on(event, (one: T) => keep(one, into));
}

function keep<T extends Closing>(one: T, into: Set<T>): void {
  into.add(one);
  one.once("close", () => into.delete(one));
}

/** Whether a request of HTTP/2 makes its stream a connection of its own: a tunnel, or a WebSocket (RFC 8441). */
export function isTunnel(headers: IncomingHttpHeaders): boolean {
  return headers[":method"] === "CONNECT";
}

const watching = new WeakMap<Server, Set<string>>();

function watchUpgrades(server: Server, event: string, upgraded: Set<Duplex>): void {
  const events = watching.get(server) ?? new Set();
  watching.set(server, events);
  if (events.has(event)) return;
  events.add(event);
  server.on(event, (request: IncomingMessage, socket: Duplex) => {
    // In HTTP/2 it is a response, and its stream is known.
    if (request.httpVersionMajor === 1) keep(socket, upgraded);
  });
}

/** Whether the server speaks TLS: that of node:tls, node:https, or node:http2's secure one. */
function isSecure(server: Server): boolean {
  return "setSecureContext" in server;
}
