// A connection of HTTP/1.1 that forgives nothing: each answer must be whole, with status 200, or it is an error.

import { connect as connectTcp, type NetConnectOpts, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";

export interface Request {
  /** @default "/" */
  readonly path?: string;
  /** Makes it a POST. */
  readonly body?: Buffer;
  /** The body's Content-Type. */
  readonly type?: string;
  /** How long the sending of the body takes, ms. */
  readonly slowly?: number;
  /** false: the server is asked to close the connection. */
  readonly keepAlive?: boolean;
}

export interface Answer {
  readonly body: string;
  /** The server will close the connection. */
  readonly closes: boolean;
}

interface Pending {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export class Http1Connection {
  /** The connection takes no more requests. That isn't a failure as long as no request is under way. */
  closed = false;
  /** The connection's port on this side, once it is known. */
  port: number | undefined;
  private readonly socket: Socket;
  private text = "";
  /** The requests that are not answered yet, in their order. */
  private readonly pending: Pending[] = [];

  /** @param patience how long the server may be silent, ms */
  constructor(target: NetConnectOpts, tls = false, patience = Number.POSITIVE_INFINITY) {
    // A machine may know no name, not even localhost.
    const place = { host: "127.0.0.1", ...target };
    this.socket = tls ? connectTls({ ...place, rejectUnauthorized: false }) : connectTcp(place);
    this.socket.on("connect", () => (this.port = this.socket.localPort));
    this.socket.on("data", (data: Buffer) => this.receive(data));
    this.socket.on("error", ({ message }) => this.fail(message));
    this.socket.on("end", () => this.fail("closed"));
    this.socket.on("close", () => this.fail("closed"));
    if (patience < Number.POSITIVE_INFINITY) {
      this.socket.setTimeout(patience, () => this.fail(`silent for ${patience} ms`));
    }
  }

  /** Sends a request, which is pipelined if the one before isn't answered yet. */
  request({ path = "/", body, type, slowly = 0, keepAlive = true }: Request = {}): Promise<Answer> {
    const head = [
      `${body ? "POST" : "GET"} ${path} HTTP/1.1`,
      "Host: test",
      `Connection: ${keepAlive ? "keep-alive" : "close"}`,
      ...(body ? [`Content-Length: ${body.length}`] : []),
      ...(type ? [`Content-Type: ${type}`] : []),
    ];
    this.socket.write(`${head.join("\r\n")}\r\n\r\n`);
    if (body) void this.send(body, slowly);
    return new Promise((resolve, reject) => this.pending.push({ resolve, reject }));
  }

  /** Sends a request whose head is cut in two, with that many ms in between. */
  async requestInPieces(milliseconds: number): Promise<Answer> {
    this.socket.write("GET / HTTP/1.1\r\nHo");
    await sleep(milliseconds);
    this.socket.write("st: test\r\n\r\n");
    return new Promise((resolve, reject) => this.pending.push({ resolve, reject }));
  }

  close(): void {
    this.closed = true;
    this.socket.destroy();
  }

  /** Requests under way fail. */
  destroy(): void {
    this.close();
  }

  private async send(body: Buffer, slowly: number): Promise<void> {
    const pieces = slowly > 0 ? Math.ceil(slowly / 20) : 1;
    const size = Math.ceil(body.length / pieces);
    for (let start = 0; start < body.length && !this.closed; start += size) {
      this.socket.write(body.subarray(start, start + size));
      if (pieces > 1) await sleep(slowly / pieces);
    }
  }

  private receive(data: Buffer): void {
    this.text += data.toString("latin1");
    try {
      while (this.text !== "" && this.pending.length > 0) {
        const parsed = parse(this.text, this.pending.length === 1);
        if (!parsed) return;
        this.text = this.text.slice(parsed.length);
        this.pending.shift()!.resolve(parsed.answer);
        // A client that asks once more after that is to blame itself.
        if (parsed.answer.closes) this.fail("closed");
      }
    } catch (error) {
      this.fail((error as Error).message);
    }
  }

  private fail(what: string): void {
    this.closed = true;
    for (const { reject } of this.pending.splice(0)) {
      reject(new Error(`${what} after ${this.text.length} bytes of the answer`));
    }
  }
}

/**
 * @param isLast nothing may follow it
 * @returns null while more is to come
 * @throws when it isn't an answer with status 200 and an end that can be known
 */
function parse(text: string, isLast: boolean): { answer: Answer; length: number } | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const head = text.slice(0, end);
  const rest = text.slice(end + 4);
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`answered ${head.split("\r\n")[0]}`);
  const content = /\r\nTransfer-Encoding: *chunked/i.test(head) ? parseChunks(rest) : parseLength(head, rest, isLast);
  if (!content) return null;
  const answer = { body: content.body, closes: /\r\nConnection: *close/i.test(head) };
  return { answer, length: end + 4 + content.length };
}

function parseLength(head: string, rest: string, isLast: boolean): { body: string; length: number } | null {
  const length = Number(/\r\nContent-Length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
  if (Number.isNaN(length)) throw new Error("answered without Content-Length");
  if (isLast && rest.length > length) throw new Error(`answered ${rest.length} bytes for ${length}`);
  return rest.length < length ? null : { body: rest.slice(0, length), length };
}

function parseChunks(text: string): { body: string; length: number } | null {
  let body = "";
  for (let start = 0; ; ) {
    const end = text.indexOf("\r\n", start);
    if (end < 0) return null;
    const size = Number.parseInt(text.slice(start, end), 16);
    const next = end + 2 + size + 2;
    if (text.length < next) return null;
    if (size === 0) return { body, length: next };
    body += text.slice(end + 2, end + 2 + size);
    start = next;
  }
}
