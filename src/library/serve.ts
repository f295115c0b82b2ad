// serve() makes a server listen on the socket that was passed, or bind one; says that it is ready; and drains it at the stop.

import { once } from "node:events";
import type { ListenOptions, Server } from "node:net";
import { LISTEN_FDS_START } from "../systemd/as-service/listen-fds.js";
import { drain } from "./drain.js";
import type { Moves } from "./handover/departure.js";
import { handOver } from "./handover/handover.js";
import { takeSocket } from "./inherited.js";
import { sayLastWords } from "./last-words.js";
import { readBeforeTimeout } from "./late-data.js";
import { listenItself, sharedPortLoss } from "./listen-itself.js";
import { say } from "./logger.js";
import { answerProbes, listenTried } from "./probe.js";
import { sayReady } from "./ready.js";
import { isChild } from "./role.js";
import { atLeastUntil, onStop, STOP_TIMEOUT } from "./stop.js";
import { type Track, trackConnections } from "./track.js";
import { checkWarm, type WarmOptions, warmUp } from "./warm.js";

export interface ServeOptions {
  /**
   * Which of the passed sockets to take: its name in LISTEN_FDNAMES (FileDescriptorName= of the .socket unit, NAME= of
   * `--listen`), or its index, from 0.
   *
   * @default the only one that listens, and that no other server has
   */
  socket?: string | number | undefined;
  /**
   * Where to listen when no sockets were passed: a port, an address as `init()` takes it (`"127.0.0.1:8080"`,
   * `"/run/app.sock"`), a name and a port (`"localhost:8080"`: the first address that it has), or what `server.listen()`
   * takes.
   *
   * @default the port in $PORT
   */
  listen?: number | string | ListenOptions | undefined;
  /**
   * Whether other processes may listen on the same port (SO_REUSEPORT) when no sockets were passed: the next generation
   * binds it again, beside this one. It takes Node 22.12, 23.1 or later. A reload loses the clients that wait in the
   * accept queue of the old one, unless net.ipv4.tcp_migrate_req is 1; sockets that the supervisor binds lose none.
   *
   * @default false
   */
  reusePort?: boolean | undefined;
  /**
   * Whether serve() says that this process is ready, once this server, and all others that it was called with by then,
   * listen. With false it leaves that to `startupFinished()`.
   *
   * @default true
   */
  ready?: boolean | undefined;
  /**
   * How long an idle connection may still bring a request once this process was told to stop, ms. The default is longer
   * than the server's own time for idle connections (`keepAliveTimeout`, and in newer Nodes `keepAliveTimeoutBuffer`):
   * within that time each of them is used once more, or closed at the time that its client was told, just as without a
   * reload. With a shorter grace a request may be on its way to a connection that is just being closed.
   *
   * @default a second more than the server's own, but a second less than stopTimeout
   */
  idleGrace?: number | undefined;
  /**
   * How long the drain may take once this process was told to stop, ms. Then all connections that are still open are closed,
   * and the exit status is 1. It should be shorter than the supervisor's --stop-timeout (90 s).
   *
   * @default 85_000
   */
  stopTimeout?: number | undefined;
  /**
   * Called with each connection that HTTP has left to others (`upgrade`, `connect`, and in HTTP/2 a stream of CONNECT), such
   * as a WebSocket, when this process is told to stop, or later: its client should connect again. The connection may stay
   * open until `stopTimeout`.
   *
   * @default nothing is done
   */
  goodbye?: ((socket: import("node:stream").Duplex) => void) | undefined;
  /**
   * Over which time the calls of `goodbye` are spread, at even distances, so that many clients don't connect again at once,
   * ms. It must be shorter than `stopTimeout`.
   *
   * @default 0
   */
  goodbyeSpread?: number | undefined;
  /**
   * What the server answers to itself before it listens, so that its first clients don't meet code that has never run.
   *
   * @default nothing
   */
  warm?: WarmOptions | undefined;
  /**
   * Over which time connections that can't move are told to close, at the stop, ms: otherwise the clients of all of them connect
   * again at the same time. The drain takes that much longer, so it must be shorter than stopTimeout, less idleGrace.
   *
   * @default 0
   */
  drainSpread?: number | undefined;
  /**
   * Whether connections that clients keep open go on in the next generation, where both say true: HTTP/1.1 without TLS, on a
   * socket that was passed. Each moves when it is idle, with all that has not been read of it; its client sees nothing of that.
   * There it is a new connection to the app, with the event `connection`.
   *
   * @default true
   */
  handover?: boolean | undefined;
}

export interface Served {
  /** Where the server listens, as `server.address()` says. */
  readonly address: ReturnType<Server["address"]>;
  /** Whether the socket was passed to this process, so that the next generation gets it too. */
  readonly passed: boolean;
  /** Resolves when the server is drained: no connection is open any more. */
  readonly closed: Promise<void>;
}

/** Larger than the kernel's limit, because listen(2) on a shared socket must not shorten its queue. */
const BACKLOG = 0x7fffffff;
/** How much longer the grace is than the server's own time for idle connections, ms. */
const GRACE_MARGIN = 1000;
/** The default of node:http, for servers that have no keepAliveTimeout, ms. */
const KEEP_ALIVE = 5000;
/** The longest time that a timer can wait, ms: 25 days. */
const LONGEST = 0x7fffffff;

/** How many servers must still listen before this process is ready. */
let awaited = 0;

/**
 * Makes a server listen, on a socket that systemd or the supervisor passed, or else on one of its own; says that this
 * process is ready; and when it is told to stop, drains the server so that no request is lost, and ends the process.
 *
 * @param server of node:net, node:tls, node:http, node:https or node:http2, that doesn't listen yet
 * @throws {RangeError | TypeError} when an option is wrong, or the socket can't be told from others
 * @throws {NodeJS.ErrnoException} when it can't listen: EADDRINUSE, EACCES, ENOTFOUND …
 * @throws {Error} when Node is too old for `reusePort`
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { serve } from "zerodown";
 *
 * const server = createServer((_, response) => response.end("Hello\n"));
 * await serve(server, { listen: 0 });
 * ```
 */
export async function serve(server: Server, options: ServeOptions = {}): Promise<Served> {
  return serveOr(server, options, () => listenItself(server, options));
}

/** @param listenElsewhere called when no sockets were passed */
export async function serveOr(server: Server, options: ServeOptions, listenElsewhere: () => void): Promise<Served> {
  sayLastWords();
  check(server, options);
  const { ready = true } = options;
  const track = follow(server);
  if (ready) awaited++;
  let listened: Listened;
  try {
    if (options.warm) await warmUp(server, options.warm);
    listened = await listen(server, options, listenElsewhere);
  } catch (error) {
    if (ready) awaited--;
    throw error;
  }
  const { passed, fd } = listened;
  // Before it is said that this process is ready: from then on others may be told of it.
  const isKept = fd !== undefined && (options.handover ?? true);
  const moves = isKept ? handOver(server, track, fd - LISTEN_FDS_START) : undefined;
  // Deferred, so that the caller can start another serve() first.
  if (ready) setImmediate(listens);
  return { address: server.address(), passed, closed: drainAtStop(server, track, options, moves) };
}

const followed = new WeakMap<Server, Track>();

/** Tracks a server only once, because a server that could not listen may be tried again. */
function follow(server: Server): Track {
  const known = followed.get(server);
  if (known) return known;
  const track = trackConnections(server);
  readBeforeTimeout(server);
  followed.set(server, track);
  return track;
}

function listens(): void {
  awaited--;
  if (awaited === 0) sayReady();
}

interface Listened {
  readonly passed: boolean;
  /** The descriptor of the service's socket. */
  readonly fd: number | undefined;
}

async function listen(server: Server, options: ServeOptions, listenElsewhere: () => void): Promise<Listened> {
  const passed = takeSocket(options.socket);
  if (passed) {
    // Node ignores the backlog among the options of a descriptor.
    server.listen({ fd: passed.fd, exclusive: true }, BACKLOG);
  }
  const isPassed = passed !== undefined || listenTried(server);
  if (!isPassed) listenElsewhere();
  // Node emits "listening" or "error" only after listen() has returned.
  await once(server, "listening");
  if (!isPassed) tellBound(options.reusePort === true);
  await answerProbes(server);
  return { passed: isPassed, fd: passed?.fd };
}

/** Says what becomes of a socket that nobody passed, at a reload. */
function tellBound(isShared: boolean): void {
  const [isSupervised, loss] = [isChild(), isShared ? sharedPortLoss() : BINDS_ITSELF];
  if (!isSupervised) say("notice", UNSUPERVISED);
  else if (loss !== undefined) say("notice", loss);
}

const UNSUPERVISED =
  "no supervisor started this process, so it can't be reloaded: call init() first, or start it by `zerodown run -- node …`";
const BINDS_ITSELF =
  "no socket was passed to this generation, so it bound one, and the next can't: give zerodown run --listen, or a .socket unit";

function drainAtStop(
  server: Server,
  track: Track,
  options: ServeOptions,
  moves: (() => Moves) | undefined,
): Promise<void> {
  const stopTimeout = Math.min(options.stopTimeout ?? STOP_TIMEOUT, LONGEST);
  // The process must not give up before the drain has cut off what is still open.
  atLeastUntil(Math.min(stopTimeout + GRACE_MARGIN, LONGEST));
  return new Promise(resolve => {
    onStop(async () => {
      // The app may change keepAliveTimeout at any time, so we read it only now.
      const own = server as { keepAliveTimeout?: number; keepAliveTimeoutBuffer?: number };
      const patience = (own.keepAliveTimeout || KEEP_ALIVE) + (own.keepAliveTimeoutBuffer ?? 0);
      const { goodbye, goodbyeSpread = 0 } = options;
      // The grace ends before stopTimeout, because idle connections must not make the stop fail.
      const { idleGrace = Math.min(patience, Math.max(stopTimeout - 2 * GRACE_MARGIN, 0)) + GRACE_MARGIN } = options;
      const cutOff = await drain(server, track, {
        idleGrace: Math.min(idleGrace, LONGEST),
        stopTimeout,
        goodbye,
        goodbyeSpread,
        spread: Math.min(options.drainSpread ?? 0, stopTimeout),
        moves: moves?.(),
      });
      resolve();
      if (cutOff > 0) throw new Error(`${cutOff} connections were still open after ${stopTimeout} ms, and were closed`);
    });
  });
}

const OPTIONS = Object.keys({
  ...{ socket: 1, listen: 1, reusePort: 1, ready: 1, idleGrace: 1, stopTimeout: 1, goodbye: 1, goodbyeSpread: 1 },
  ...{ handover: 1, warm: 1, drainSpread: 1 },
} satisfies Record<keyof ServeOptions, 1>);

function check(server: Server, options: ServeOptions): void {
  if (typeof server?.listen !== "function" || typeof server.on !== "function") {
    throw new TypeError("serve(): a server of node:net, node:http, node:https or node:http2 is expected");
  }
  if (server.listening) throw new TypeError("serve(): the server listens already; serve() is to make it listen");
  const unknown = Object.keys(options).find(name => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`serve(): there is no option "${unknown}", but ${OPTIONS.join(", ")}`);
  }
  const { socket, reusePort, idleGrace, stopTimeout = STOP_TIMEOUT, drainSpread } = options;
  const { goodbye, goodbyeSpread = 0, handover, warm } = options;
  if (warm !== undefined) checkWarm(warm, server);
  if (socket !== undefined && typeof socket !== "string" && !Number.isInteger(socket)) {
    throw new TypeError(`serve(): { socket: ${String(socket)} } is neither a name nor an index`);
  }
  if (reusePort !== undefined && typeof reusePort !== "boolean") {
    throw new TypeError(`serve(): { reusePort: ${String(reusePort)} } is neither true nor false`);
  }
  for (const [name, value] of Object.entries({ idleGrace, stopTimeout, goodbyeSpread, drainSpread })) {
    if (value !== undefined && !(typeof value === "number" && value >= 0)) {
      throw new RangeError(`serve(): { ${name}: ${value} } isn't a time in ms`);
    }
  }
  if (handover !== undefined && typeof handover !== "boolean") {
    throw new TypeError(`serve(): { handover: ${String(handover)} } is neither true nor false`);
  }
  if (goodbye !== undefined && typeof goodbye !== "function") throw new TypeError("serve(): goodbye isn't a function");
  if (goodbyeSpread > 0 && !goodbye) throw new TypeError("serve(): goodbyeSpread is for goodbye, and that isn't given");
  if (goodbyeSpread > 0 && goodbyeSpread >= stopTimeout) {
    const limit = `${stopTimeout} ms of stopTimeout, when connections are cut off`;
    throw new RangeError(`serve(): { goodbyeSpread: ${goodbyeSpread} } isn't shorter than the ${limit}`);
  }
}
