// A client that sends lines on one connection and gets lines.

import { connect, type NetConnectOpts, type Socket } from "node:net";
import { Lines } from "./lines.js";

export class LineClient {
  readonly lines = new Lines();
  private readonly socket: Socket;

  constructor(target: NetConnectOpts) {
    this.socket = connect({ host: "127.0.0.1", ...target });
    this.socket.on("data", (data: Buffer) => this.lines.add(data.toString()));
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.lines.end());
    open.add(this);
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** Sends a line, and resolves with the next one that comes. Rejects when the connection ends before that. */
  async ask(line = ""): Promise<string> {
    const from = this.lines.count;
    this.send(`${line}\n`);
    return this.lines.next(/(?:)/, from);
  }

  /** Ends like a client that crashed: what it was sent is unread. */
  reset(): void {
    this.socket.resetAndDestroy();
    open.delete(this);
  }

  close(): void {
    this.socket.destroy();
    open.delete(this);
  }
}

const open = new Set<LineClient>();

/** For afterEach: no client outlives its test. */
export function closeClients(): void {
  for (const client of open) client.close();
}

/** Returns everything that a client is told that only connects. */
export async function askOnce(target: NetConnectOpts): Promise<string> {
  let text = "";
  for await (const data of connect({ host: "127.0.0.1", ...target })) text += data;
  return text.trim();
}
