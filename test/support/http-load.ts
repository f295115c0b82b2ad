// HTTP clients that forgive nothing: whatever isn't one whole answer with status 200 is a failure, nothing is retried.

import { randomInt } from "node:crypto";
import { connect, type NetConnectOpts, type Socket } from "node:net";

export interface LoadOptions {
  readonly clients: number;
  /** A client keeps its connection until the server closes it, or says it will; else each request has its own. */
  readonly keepAlive: boolean;
}

/** Between an answer and that client's next request, ms: tests run beside others. */
const PAUSE = 2;

/** An address of this machine alone, with a port, that no other test has. */
export function loopback(): { host: string; port: number } {
  return { host: `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`, port: 8080 };
}

/** Asks once, on a connection of its own. Resolves with the body. */
export async function ask(target: NetConnectOpts, path = "/"): Promise<string> {
  const connection = new Connection(target);
  const { body } = await connection.request(false, path);
  connection.close();
  return body;
}

/** Clients that ask without end, from its making until `stop`. */
export class HttpLoad {
  requests = 0;
  /** Why each request failed that did. */
  readonly failures: string[] = [];
  private stopped = false;
  private waiters: { pattern: RegExp; count: number; resolve: () => void }[] = [];
  private readonly clients: Promise<void>[];

  constructor(
    private readonly target: NetConnectOpts,
    private readonly options: LoadOptions,
  ) {
    this.clients = Array.from({ length: options.clients }, () => this.run());
  }

  /** Resolves when that many more answers have come whose body matches. */
  async answers(count: number, pattern: RegExp): Promise<void> {
    return new Promise(resolve => this.waiters.push({ pattern, count, resolve }));
  }

  /** Lets the requests under way come to their end. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.clients);
  }

  private async run(): Promise<void> {
    const { keepAlive } = this.options;
    let connection: Connection | undefined;
    while (!this.stopped) {
      const isNew = !connection || connection.closed;
      if (isNew) connection = new Connection(this.target);
      this.requests++;
      try {
        const { body, closes } = await connection!.request(keepAlive);
        if (closes || !keepAlive) connection!.close();
        this.count(body);
      } catch (error) {
        connection!.close();
        this.failures.push(`${isNew ? "new" : "kept"} connection: ${(error as Error).message}`);
      }
      await new Promise(resolve => setTimeout(resolve, PAUSE));
    }
    connection?.close();
  }

  private count(body: string): void {
    for (const waiter of this.waiters) if (waiter.pattern.test(body)) waiter.count--;
    for (const { resolve } of this.waiters.filter(({ count }) => count === 0)) resolve();
    this.waiters = this.waiters.filter(({ count }) => count > 0);
  }
}

interface Answer {
  body: string;
  /** The server will close the connection. */
  closes: boolean;
}

/** A connection, on which one request at a time is made. */
class Connection {
  /** It can't be asked any more. That is no failure as long as no request is under way. */
  closed = false;
  private readonly socket: Socket;
  private text = "";
  private pending: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;

  constructor(target: NetConnectOpts) {
    this.socket = connect(target);
    this.socket.on("data", (data: Buffer) => this.receive(data));
    this.socket.on("error", ({ message }) => this.fail(message));
    this.socket.on("end", () => this.fail("closed"));
    this.socket.on("close", () => this.fail("closed"));
  }

  async request(keepAlive: boolean, path = "/"): Promise<Answer> {
    this.text = "";
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      this.socket.write(
        `GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: ${keepAlive ? "keep-alive" : "close"}\r\n\r\n`,
      );
    });
  }

  close(): void {
    this.closed = true;
    this.socket.destroy();
  }

  private receive(data: Buffer): void {
    this.text += data.toString("latin1");
    try {
      const answer = parse(this.text);
      if (!answer) return;
      this.pending?.resolve(answer);
      this.pending = undefined;
    } catch (error) {
      this.fail((error as Error).message);
    }
  }

  private fail(what: string): void {
    this.closed = true;
    this.pending?.reject(new Error(`${what} after ${this.text.length} bytes of the answer`));
    this.pending = undefined;
  }
}

/** @returns null while more is to come; throws when it is no answer with status 200 and a known length */
function parse(text: string): Answer | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const head = text.slice(0, end);
  const body = text.slice(end + 4);
  const length = Number(/\r\nContent-Length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`answered ${head.split("\r\n")[0]}`);
  if (Number.isNaN(length)) throw new Error("answered without Content-Length");
  if (body.length > length) throw new Error(`answered ${body.length} bytes for ${length}`);
  return body.length < length ? null : { body, closes: /\r\nConnection: *close/i.test(head) };
}
