// The drain of HTTP/1: from now on a response is the last one of its connection, and says so; a connection that is idle is
// closed only after a grace. Clients do the rest: who reads `Connection: close` sends nothing more on that connection.

import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import { makeLast } from "./last-response.js";
import { whenRead } from "./late-data.js";
import type { Track } from "./track.js";

/** The events that Node gives requests out by. */
const REQUEST_EVENTS = ["request", "checkContinue", "checkExpectation"] as const;

/**
 * How long a request waits for one more, where the client pipelines, ms. What it wrote after the first one may wait in its
 * kernel until that is acknowledged (Nagle), which ours puts off for 40 ms.
 */
const PIPELINE_QUIET = 100;

/** A request that was not yet given to the app. */
interface Held {
  readonly give: () => void;
  readonly cancel: () => void;
}

/** @returns what ends it */
export function drainHttp1(server: Server, track: Track, idleGrace: number): () => void {
  if (!("closeIdleConnections" in server)) return () => {};
  const drain = new Http1Drain(server as HttpServer, track);
  return drain.start(idleGrace);
}

class Http1Drain {
  /** The responses of a connection that are not finished, in their order. */
  private readonly open = new WeakMap<Socket, ServerResponse[]>();
  private readonly held = new WeakMap<Socket, Held>();

  constructor(
    private readonly server: HttpServer,
    private readonly track: Track,
  ) {}

  start(idleGrace: number): () => void {
    for (const socket of this.track.http) this.markOpen(socket);
    for (const event of REQUEST_EVENTS) this.intercept(event);
    // What becomes idle from now on. (To Node 0 is for ever.)
    const { keepAliveTimeout } = this.server;
    if (!keepAliveTimeout || keepAliveTimeout > idleGrace) this.server.keepAliveTimeout = Math.max(idleGrace, 1);
    const timer = setTimeout(() => whenRead(() => this.closeIdle()), idleGrace);
    return () => clearTimeout(timer);
  }

  /** The responses that were under way when the stop came. */
  private markOpen(socket: Socket): void {
    // Not documented, but what node:http itself goes by. Without it such a response would just not be the last one.
    const { _httpMessage: current } = socket as { _httpMessage?: ServerResponse };
    const queued = this.track.queued(socket);
    // Of a client that pipelines there may be more on their way, for which the last of these is not held any more.
    for (const response of queued ?? []) this.admit(socket, response, false);
    if (current) this.admit(socket, current, queued === undefined);
  }

  private admit(socket: Socket, response: ServerResponse, mayBeLast: boolean): ServerResponse[] {
    const responses = this.open.get(socket) ?? [];
    this.open.set(socket, responses);
    responses.push(response);
    response.once("close", () => responses.splice(responses.indexOf(response), 1));
    if (mayBeLast) makeLast(response, () => responses.at(-1) === response);
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
      this.hold(socket, responses.length > 1 || this.mayPipeline(socket, response), give);
    });
  }

  /** Whether the client has done so, or may be about to: its first request may come in a packet of its own. */
  private mayPipeline(socket: Socket, response: ServerResponse): boolean {
    return this.track.queued(socket) !== undefined || (socket.bytesWritten === 0 && response.shouldKeepAlive);
  }

  /** Node may read several requests at once: only when all are known can the last be told. */
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
    // A process that was busy finds that the time is over before it finds what has come meanwhile.
    const timer = isPipelined ? setTimeout(() => whenRead(giveNow), PIPELINE_QUIET) : undefined;
    if (!isPipelined) setImmediate(giveNow);
    const cancel = () => {
      isDue = false;
      clearTimeout(timer);
    };
    this.held.set(socket, { give, cancel });
  }

  private closeIdle(): void {
    this.server.closeIdleConnections();
    // Those that never sent anything Node doesn't count among them.
    for (const socket of this.track.http) if (socket.bytesRead === 0) socket.destroy();
  }
}
