// The drain of HTTP/1: each response from now on is the last one of its connection, and says so by `Connection: close`. A
// client that reads this sends nothing more on that connection. An idle connection is closed only after a grace. Where there is
// somebody to take them, connections don't end: each moves when it is idle.

import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import { idleParsers } from "./handover/connection.js";
import type { Moves } from "./handover/departure.js";
import { makeLast } from "./last-response.js";
import { whenRead } from "./late-data.js";
import type { Spread } from "./spread.js";
import type { Track } from "./track.js";

/** Node gives each request to the app by one of these events. */
const REQUEST_EVENTS = ["request", "checkContinue", "checkExpectation"] as const;

/**
 * How long a request of a client that pipelines waits for the next one, ms. The client's kernel may hold the next one back
 * until ours has acknowledged the first (Nagle), and ours puts that off for 40 ms.
 */
const PIPELINE_QUIET = 100;

/** A request that the app doesn't have yet. */
interface Held {
  readonly give: () => void;
  readonly cancel: () => void;
}

export interface Http1DrainOptions {
  /** ms */
  readonly idleGrace: number;
  readonly spread: Spread;
  /** Where connections may move. */
  readonly moves: Moves | undefined;
}

/** @returns a function that ends the drain */
export function drainHttp1(server: Server, track: Track, { idleGrace, moves, spread }: Http1DrainOptions): () => void {
  if (!("closeIdleConnections" in server)) return () => {};
  const drain = new Http1Drain(server as HttpServer, track, spread, moves);
  return drain.start(idleGrace);
}

class Http1Drain {
  /** Each connection's unfinished responses, in their order. */
  private readonly open = new WeakMap<Socket, ServerResponse[]>();
  private readonly held = new WeakMap<Socket, Held>();

  constructor(
    private readonly server: HttpServer,
    private readonly track: Track,
    private readonly spread: Spread,
    private readonly moves: Moves | undefined,
  ) {}

  start(idleGrace: number): () => void {
    for (const socket of this.track.http) this.markOpen(socket);
    for (const event of REQUEST_EVENTS) this.intercept(event);
    // Node closes the connections that become idle from now on. (It takes 0 for "never".)
    const { keepAliveTimeout } = this.server;
    if (!keepAliveTimeout || keepAliveTimeout > idleGrace) this.server.keepAliveTimeout = Math.max(idleGrace, 1);
    const timer = setTimeout(() => whenRead(() => this.closeIdle()), idleGrace + this.spread.time);
    return () => clearTimeout(timer);
  }

  /** Takes in the responses that were under way when the stop came. */
  private markOpen(socket: Socket): void {
    // `_httpMessage` isn't documented, but node:http itself uses it. Without it such a response just wouldn't be the last.
    const { _httpMessage: current } = socket as { _httpMessage?: ServerResponse };
    const queued = this.track.queued(socket);
    // A client that pipelines may have more requests on their way, and it is too late to hold these until they are here.
    for (const response of queued ?? []) this.admit(socket, response, false);
    if (current) this.admit(socket, current, queued === undefined);
  }

  private admit(socket: Socket, response: ServerResponse, mayBeLast: boolean): ServerResponse[] {
    const responses = this.open.get(socket) ?? [];
    this.open.set(socket, responses);
    responses.push(response);
    response.once("close", () => {
      responses.splice(responses.indexOf(response), 1);
      this.moves?.consider(socket);
    });
    if (mayBeLast) makeLast(response, () => responses.at(-1) === response && !this.staysOpen(socket));
    return responses;
  }

  private intercept(event: (typeof REQUEST_EVENTS)[number]): void {
    const listeners = this.server.listeners(event);
    if (listeners.length === 0) return;
    this.server.removeAllListeners(event);
    this.server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      const give = () => {
        for (const listener of listeners) Reflect.apply(listener, this.server, [request, response]);
      };
      // HTTP/2 has no last response.
      if (request.httpVersionMajor > 1) return give();
      const { socket } = request;
      const responses = this.admit(socket, response, true);
      if (this.staysOpen(socket)) give();
      else this.hold(socket, responses.length > 1 || this.mayPipeline(socket, response), give);
    });
  }

  /** Whether its response isn't the last one: the connection is to move, or its turn to end hasn't come. */
  private staysOpen(socket: Socket): boolean {
    return this.moves?.willMove(socket) || !this.spread.isDue(socket);
  }

  /** Whether the client pipelines, or may be about to: its first request may come in a packet of its own. */
  private mayPipeline(socket: Socket, response: ServerResponse): boolean {
    return this.track.queued(socket) !== undefined || (socket.bytesWritten === 0 && response.shouldKeepAlive);
  }

  /** Delays a request: Node may read several at once, and only when all are known can we tell which is the last. */
  private hold(socket: Socket, isPipelined: boolean, give: () => void): void {
    const before = this.held.get(socket);
    before?.cancel();
    before?.give();
    let isDue = true;
    const giveNow = () => {
      if (!isDue) return;
      this.held.delete(socket);
      if (!socket.destroyed) give();
    };
    // A process that was busy runs its timers before it reads what has arrived meanwhile.
    const timer = isPipelined ? setTimeout(() => whenRead(giveNow), PIPELINE_QUIET) : undefined;
    if (!isPipelined) setImmediate(giveNow);
    const cancel = () => {
      isDue = false;
      clearTimeout(timer);
    };
    this.held.set(socket, { give, cancel });
  }

  private closeIdle(): void {
    const idle = idleParsers(this.server);
    if (!idle) this.server.closeIdleConnections();
    for (const socket of this.track.http) {
      // What is on its way to another process comes back if that dies.
      if (this.moves?.isOnItsWay(socket)) continue;
      const { parser, _httpMessage: response } = socket as { parser?: unknown; _httpMessage?: ServerResponse | null };
      // Node doesn't count a connection as idle that never sent anything, but one whose client hasn't read all of its response,
      // which closeIdleConnections() would cut off.
      if (socket.bytesRead === 0 || (idle?.has(parser) && !response)) socket.destroy();
    }
  }
}
