// The clients of the soak, of every kind, and an account of their lost requests.

import { setTimeout as sleep } from "node:timers/promises";
import { HttpLoad, type LoadOptions } from "../support/http-load.js";
import type { Killed } from "./kill.js";

interface Failure {
  /** ms since 1970 */
  readonly at: number;
  readonly port: number | undefined;
  readonly text: string;
}

/** How long after a kill its last failure may be noticed, ms. The ports are used again only much later. */
const NOTICED_WITHIN = 5000;

/** How long a request that is under way at the end may take, ms: longer than a start of the service. */
const PATIENCE = 60_000;

/** Remembers when each failure was, and on which connection. */
class WatchedLoad extends HttpLoad {
  readonly broken: Failure[] = [];

  protected override failed(why: string, port: number | undefined): void {
    this.broken.push({ at: Date.now(), port, text: why });
  }
}

/** How much the clients ask: of some kinds less often, or also as fast as they can. */
export type Weight = "light" | "usual" | "heavy";

/** So many times longer the short pauses are of clients that ask less often. */
const LIGHTER = 5;

const BODY = { body: Buffer.alloc(20_000, "x") };
const KEPT: LoadOptions = { clients: 2, keepAlive: true, pause: 20 };
const NEW: LoadOptions = { clients: 2, keepAlive: false, pause: 50 };
const SECURE: LoadOptions = { ...KEPT, tls: true };
const SECURE_2: LoadOptions = { ...SECURE, version: 2 };

/** The clients of each socket. None is idle for so long that the app closes the connection, reload or not. */
const MIX: Record<string, Record<string, LoadOptions>> = {
  http: {
    "kept connections": KEPT,
    "new connections": NEW,
    "POST, kept connections": { ...KEPT, request: BODY },
    "POST, new connections": { ...NEW, request: BODY },
    "responses after 300 ms": { ...KEPT, request: { path: "/slow?300" } },
    "responses that stream for 1 s": { ...KEPT, request: { path: "/stream?1000" } },
    "uploads of 1 MB in 1 s": { clients: 1, keepAlive: true, request: { body: Buffer.alloc(1e6), slowly: 1000 } },
    "clients idle for 4 s": { ...KEPT, pause: 4000 },
    "clients idle for 8 s": { ...KEPT, pause: 8000 },
  },
  https: { "kept connections": SECURE, "new connections": { ...SECURE, ...NEW, clients: 1 } },
  h2c: { "four at a time": { ...KEPT, version: 2, pipelined: 4 }, POST: { ...KEPT, version: 2, request: BODY } },
  h2: { "four at a time": { ...SECURE_2, pipelined: 4 }, "new connections": { ...SECURE_2, keepAlive: false } },
};

/** These clients make most of the requests, where there are any; they leave CPU time to starts of processes. */
const BULK: Record<string, Record<string, LoadOptions>> = {
  http: {
    "kept connections, short pauses": { clients: 2, keepAlive: true, pause: 5 },
    "pipelined by 16": { clients: 4, keepAlive: true, pipelined: 16, pause: 50 },
  },
};

export const SOCKETS = { http: 8080, https: 8443, h2c: 8081, h2: 8444 };

export interface Counts {
  readonly requests: number;
  /** How many failed on a connection of a generation that had been killed. */
  readonly killed: number;
  /** How each of the others failed. */
  readonly lost: readonly string[];
}

export class SoakLoad {
  private readonly loads: { kind: string; load: WatchedLoad }[];
  private readonly kills: Killed[] = [];
  private readonly unanswered: string[] = [];

  /** @param host where all sockets are */
  constructor(host: string, weight: Weight) {
    this.loads = [MIX, ...(weight === "heavy" ? [BULK] : [])].flatMap(kinds =>
      Object.entries(kinds).flatMap(([socket, loads]) =>
        Object.entries(loads).map(([kind, options]) => {
          const { pause = 0 } = options;
          const pauses = weight === "light" && pause < 1000 ? { pause: pause * LIGHTER } : {};
          const port = SOCKETS[socket as keyof typeof SOCKETS];
          const load = new WatchedLoad({ host, port }, { ...options, ...pauses });
          return { kind: `${socket}, ${kind}`, load };
        }),
      ),
    );
  }

  get requests(): number {
    return this.loads.reduce((sum, { load }) => sum + load.requests, 0);
  }

  /** Excuses the failures on the connections of a process that the soak killed. */
  excuse(killed: Killed): void {
    this.kills.push(killed);
  }

  get counts(): Counts {
    const failures = this.loads.flatMap(({ kind, load }) => load.broken.map(failure => ({ kind, ...failure })));
    const lost = failures.filter(failure => !this.isExcused(failure));
    return {
      requests: this.requests,
      killed: failures.length - lost.length,
      lost: [
        ...lost.map(({ kind, at, port, text }) => `${new Date(at).toISOString()} ${kind}, port ${port}: ${text}`),
        ...this.unanswered,
      ],
    };
  }

  /** Lets the requests under way come to their end. Requests that don't are lost. */
  async stop(): Promise<void> {
    const late = sleep(PATIENCE, true, { ref: false });
    await Promise.all(
      this.loads.map(async ({ kind, load }) => {
        const isLate = await Promise.race([load.stop(), late]);
        if (isLate) this.unanswered.push(`${kind}: not answered within ${PATIENCE} ms`);
      }),
    );
  }

  private isExcused({ at, port }: Failure): boolean {
    if (port === undefined) return false;
    return this.kills.some(killed => killed.ports.has(port) && at >= killed.at && at < killed.at + NOTICED_WITHIN);
  }
}
