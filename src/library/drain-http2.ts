// The drain of HTTP/2 by RFC 9113, section 6.8: a GOAWAY announces the end. When a PING has been to the client and back,
// everything that the client had sent before is here; then a last GOAWAY lets the session end with its streams.
//
// Node's own client refuses its queued requests when it reads the first GOAWAY. So a session gets that only when nothing can
// be on its way: the drain holds new requests until a PING has been to the client and back and no stream has come or ended
// meanwhile. A client that waits for a held request has sent all it can.

import { constants, type Http2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Server } from "node:net";
import type { Tell } from "./goodbye.js";
import type { Spread } from "./spread.js";
import { isTunnel, type Track } from "./track.js";

/** How long requests may be held, ms: a client that sends on and on never waits for an answer. */
const HOLD_LIMIT = 500;
/** How long the last GOAWAY waits for the answer to a PING, ms. */
const ANNOUNCED_LIMIT = 500;
/** A GOAWAY that names this stream as the last one refuses none. */
const ANY_STREAM = 2 ** 31 - 1;

/**
 * @param tell called with each stream that is left to the app from now on
 * @returns a function that ends the drain
 */
export function drainHttp2(server: Server, track: Track, grace: number, spread: Spread, tell: Tell): () => void {
  if (!("updateSettings" in server)) return () => {};
  const drains = new Map<Http2Session, SessionDrain>();
  const drainOf = (session: Http2Session) => {
    const drain = drains.get(session) ?? new SessionDrain(session, () => track.streamChanges(session));
    drains.set(session, drain);
    return drain;
  };
  const listeners = server.listeners("stream");
  server.removeAllListeners("stream");
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => {
    const give = () => {
      for (const listener of listeners) Reflect.apply(listener, server, [stream, headers, ...rest]);
      if (isTunnel(headers)) tell(stream);
    };
    if (spread.isDue(stream.session!)) drainOf(stream.session!).hold(give);
    else give();
  });
  // A session without a new request begins its drain after the grace.
  const timer = setTimeout(() => {
    for (const session of track.sessions) drainOf(session).begin();
  }, grace + spread.time);
  return () => clearTimeout(timer);
}

class SessionDrain {
  private readonly held: (() => void)[] = [];
  private limit: NodeJS.Timeout | undefined;
  private hasBegun = false;
  private hasLeft = false;

  /** @param changes returns how many times a stream has come or ended so far */
  constructor(
    private readonly session: Http2Session,
    private readonly changes: () => number,
  ) {}

  /** @param give hands the request to the app */
  hold(give: () => void): void {
    if (this.hasLeft) return give();
    this.held.push(give);
    this.begin();
  }

  begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    this.limit = setTimeout(() => this.leave(), HOLD_LIMIT);
    this.ping();
  }

  private ping(): void {
    const before = this.changes();
    const isSent =
      !this.session.destroyed &&
      this.session.ping(() => {
        if (this.hasLeft || this.session.destroyed) return;
        if (this.changes() === before) this.leave();
        else this.ping();
      });
    if (!isSent) this.leave();
  }

  private leave(): void {
    clearTimeout(this.limit);
    if (this.hasLeft || this.session.destroyed) return;
    this.hasLeft = true;
    this.session.goaway(constants.NGHTTP2_NO_ERROR, ANY_STREAM);
    this.limit = setTimeout(() => this.session.close(), ANNOUNCED_LIMIT);
    this.session.ping(() => {
      clearTimeout(this.limit);
      this.session.close();
    });
    for (const give of this.held.splice(0)) give();
  }
}
