// Does what http1-client.ts does, for a session of HTTP/2: one stream a request.

import { type ClientHttp2Session, connect } from "node:http2";
import type { TcpNetConnectOpts } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Request } from "./http1-client.js";

export class Http2Connection {
  /** The session's port on this side, once it is known. */
  port: number | undefined;
  private readonly session: ClientHttp2Session;
  private problem = "";
  private isLeaving = false;

  constructor(target: TcpNetConnectOpts, tls = false) {
    const { host = "127.0.0.1", port } = target;
    this.session = connect(`${tls ? "https" : "http"}://${host}:${port}`, { rejectUnauthorized: false });
    this.session.socket.on("connect", () => (this.port = this.session.socket.localPort));
    this.session.on("error", ({ message }) => (this.problem = message));
    // The server asks for no more streams.
    this.session.on("goaway", () => (this.isLeaving = true));
  }

  get closed(): boolean {
    return this.isLeaving || this.session.closed || this.session.destroyed;
  }

  async request({ path = "/", body, slowly = 0 }: Request = {}): Promise<Answer> {
    const stream = this.session.request({ ":path": path, ":method": body ? "POST" : "GET" }, { endStream: !body });
    if (body) void this.send(stream, body, slowly);
    let [status, text, failure] = [0, "", ""];
    stream.on("response", headers => (status = Number(headers[":status"])));
    stream.on("data", (data: Buffer) => (text += data));
    stream.on("error", ({ message }: Error) => (failure = message));
    let isWhole = false;
    stream.on("end", () => (isWhole = true));
    await new Promise(resolve => stream.once("close", resolve));
    if (status !== 200 || failure || !isWhole || stream.rstCode !== 0) {
      const why = failure || this.problem || `status ${status}, code ${stream.rstCode}`;
      throw new Error(`${why} after ${text.length} bytes of the answer`);
    }
    return { body: text, closes: this.isLeaving };
  }

  /** Lets the requests under way come to their end. */
  close(): void {
    this.session.close();
  }

  /** Requests under way fail. */
  destroy(): void {
    this.session.destroy();
  }

  private async send(stream: NodeJS.WritableStream, body: Buffer, slowly: number): Promise<void> {
    const pieces = slowly > 0 ? Math.ceil(slowly / 20) : 1;
    const size = Math.ceil(body.length / pieces);
    for (let start = 0; start < body.length && !this.session.destroyed; start += size) {
      stream.write(body.subarray(start, start + size));
      if (pieces > 1) await sleep(slowly / pieces);
    }
    stream.end();
  }
}
