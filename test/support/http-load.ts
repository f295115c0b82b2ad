// HTTP clients that forgive nothing: each answer must be whole, with status 200, or it is a failure; nothing is retried.

import { randomInt } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { NetConnectOpts, TcpNetConnectOpts } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Answers } from "./answers.js";
import { type Answer, Http1Connection, type Request } from "./http1-client.js";
import { Http2Connection } from "./http2-client.js";

export interface LoadOptions {
  readonly clients: number;
  /** A client keeps its connection until the server closes it, or says it will; otherwise each request has its own. */
  readonly keepAlive: boolean;
  /** @default 1 */
  readonly version?: 1 | 2;
  /** @default false */
  readonly tls?: boolean;
  /** The request that each client sends. */
  readonly request?: Omit<Request, "keepAlive">;
  /** How many requests are sent at once; the next ones follow when all are answered. @default 1 */
  readonly pipelined?: number;
  /** The time between an answer and that client's next request, ms. @default 2: tests run beside others */
  readonly pause?: number;
  /**
   * In place of a pause, a client's next request is due that long after its last one was, ms. If an answer takes longer, the
   * next request is sent at once, and counts from when it was due: otherwise a server that stalls would be asked less.
   */
  readonly every?: number;
  /** A request that nothing comes for that long has failed, ms. @default Infinity */
  readonly patience?: number;
  /** Called with each request when it is over. */
  readonly record?: (sample: Sample) => void;
}

export interface Sample {
  /** When it was sent (see `every`), as performance.now() has it. */
  readonly start: number;
  /** The time until its answer was whole, or until it failed, ms. */
  readonly duration: number;
  /** The answer's body; undefined when it failed. */
  readonly body: string | undefined;
}

/** An address of this machine alone, with a port, that no other test has. */
export function loopback(): { host: string; port: number } {
  return { host: `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`, port: 8080 };
}

/** Asks once, on a connection of its own. Resolves with the body. */
export async function ask(target: NetConnectOpts, path = "/"): Promise<string> {
  const connection = new Http1Connection(target);
  const { body } = await connection.request({ path, keepAlive: false });
  connection.close();
  return body;
}

/** Clients that ask from the start until `stop`. */
export class HttpLoad {
  requests = 0;
  /** How many connections the clients have made. */
  connected = 0;
  /** Why each failed request failed. */
  readonly failures: string[] = [];
  private readonly stopping = new AbortController();
  private readonly got = new Answers();
  private readonly connections = new Set<Http1Connection | Http2Connection>();
  private readonly clients: Promise<void>[];

  constructor(
    private readonly target: NetConnectOpts,
    private readonly options: LoadOptions,
  ) {
    setMaxListeners(0, this.stopping.signal);
    running.add(this);
    this.clients = Array.from({ length: options.clients }, () => this.run());
  }

  /** Resolves when that many more answers have come whose body matches. */
  async answers(count: number, pattern: RegExp): Promise<void> {
    return this.got.wait(count, pattern);
  }

  /** Lets the requests under way come to their end. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.clients);
    running.delete(this);
  }

  /** Requests under way fail. */
  async kill(): Promise<void> {
    this.stopping.abort();
    for (const connection of this.connections) connection.destroy();
    await this.stop();
  }

  private async run(): Promise<void> {
    const { keepAlive, pipelined = 1 } = this.options;
    const { signal } = this.stopping;
    let connection: Http1Connection | Http2Connection | undefined;
    let start = performance.now();
    while (!signal.aborted) {
      const isNew = !connection || connection.closed;
      if (connection && isNew) this.connections.delete(connection);
      const used = connection && !isNew ? connection : this.connect();
      const answers = await Promise.all(Array.from({ length: pipelined }, () => this.ask(used, isNew, start)));
      const isOver = !keepAlive || answers.some(answer => !answer || answer.closes);
      if (isOver) this.close(used);
      connection = isOver ? undefined : used;
      start = await this.next(answers.includes(undefined) ? performance.now() : start);
    }
    if (connection) this.close(connection);
  }

  /** Resolves when a client's next request is to be sent, with the time that it counts from. */
  private async next(last: number): Promise<number> {
    const { every, pause = 2 } = this.options;
    const due = every === undefined ? performance.now() + pause : last + every;
    const rest = due - performance.now();
    if (rest <= 0) return due;
    await sleep(rest, undefined, { signal: this.stopping.signal }).catch(() => {});
    return performance.now();
  }

  private connect(): Http1Connection | Http2Connection {
    const { version, tls, patience } = this.options;
    const connection =
      version === 2
        ? new Http2Connection(this.target as TcpNetConnectOpts, tls)
        : new Http1Connection(this.target, tls, patience);
    this.connections.add(connection);
    this.connected++;
    return connection;
  }

  private close(connection: Http1Connection | Http2Connection): void {
    connection.close();
    this.connections.delete(connection);
  }

  /** @returns undefined when it failed */
  private async ask(
    connection: Http1Connection | Http2Connection,
    isNew: boolean,
    start: number,
  ): Promise<Answer | undefined> {
    const { keepAlive, request, record } = this.options;
    this.requests++;
    let answer: Answer | undefined;
    try {
      answer = await connection.request({ ...request, keepAlive });
      this.got.add(answer.body);
    } catch (error) {
      this.failed(`${isNew ? "new" : "kept"} connection: ${(error as Error).message}`, connection.port);
    }
    record?.({ start, duration: performance.now() - start, body: answer?.body });
    return answer;
  }

  /** @param _port the client's own port of the connection */
  protected failed(why: string, _port: number | undefined): void {
    this.failures.push(why);
  }
}

const running = new Set<HttpLoad>();

/** For afterEach: no load outlives its test. */
export async function killLoads(): Promise<void> {
  await Promise.all([...running].map(load => load.kill()));
}
