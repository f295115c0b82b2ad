// Serves one client of the control socket: its calls in, our replies out, one call at a time.

import { Socket } from "node:net";
import { CALL_BYTES, type Call, Decoder, encode, type Reply, VarlinkError } from "./varlink.js";

/** How many bytes of replies a client may leave unread before it is cut off. */
const UNREAD_BYTES = 256 * 1024;
/** How many calls a client may send ahead of the replies. */
const WAITING_CALLS = 16;

/**
 * Serves one method call. It may reply several times through `reply` if the caller said `more`; the last reply is what it
 * returns. `signal` aborts when the caller is gone.
 */
export type Method = (
  parameters: Readonly<Record<string, unknown>>,
  reply: ((parameters: Record<string, unknown>) => void) | undefined,
  signal: AbortSignal,
) => Promise<Record<string, unknown>> | Record<string, unknown>;

export class Connection {
  private readonly socket: Socket;
  private readonly decoder = new Decoder(CALL_BYTES);
  private readonly calls: Call[] = [];
  private readonly gone = new AbortController();
  private busy = false;

  /** @param fd an accepted, non-blocking connection, which this object owns from now on */
  constructor(
    fd: number,
    private readonly methods: ReadonlyMap<string, Method>,
    private readonly onProblem: (what: string) => void,
    onClose: () => void,
  ) {
    this.socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    this.socket.on("data", data => this.received(data));
    // The client calls no more, but may still listen. A write, even of nothing, fails if the client is gone. A half-closed
    // client that leaves later is noticed only at the next write: that of a watcher at the next change.
    this.socket.on("end", () => {
      this.socket.write("");
      void this.serve();
    });
    // An error is followed by "close".
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.gone.abort();
      onClose();
    });
  }

  private received(data: Buffer): void {
    try {
      for (const message of this.decoder.take(data)) this.calls.push(checkCall(message));
      if (this.calls.length > WAITING_CALLS) throw new RangeError("too many calls at once");
    } catch {
      this.socket.destroy();
      return;
    }
    void this.serve();
  }

  private async serve(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      for (let call = this.calls.shift(); call && !this.gone.signal.aborted; call = this.calls.shift()) {
        const last = await this.answer(call);
        if (!call.oneway) this.send(last);
      }
    } catch (error) {
      this.onProblem(`the control socket cuts a client off: ${(error as Error).stack}`);
      this.socket.destroy();
    }
    this.busy = false;
    if (this.socket.readableEnded) this.socket.end();
  }

  private async answer({ method, parameters = {}, more, oneway }: Call): Promise<Reply> {
    try {
      const serve = this.methods.get(method);
      if (!serve) throw unknownMethod(method, this.methods);
      const reply =
        more && !oneway
          ? (part: Record<string, unknown>) => this.send({ parameters: part, continues: true })
          : undefined;
      return { parameters: await serve(parameters, reply, this.gone.signal) };
    } catch (error) {
      if (!(error instanceof VarlinkError)) throw error;
      return { error: error.error, parameters: error.parameters };
    }
  }

  private send(reply: Reply): void {
    if (this.gone.signal.aborted) return;
    // Only the unread replies before this one count, whatever its own size.
    if (this.socket.writableLength > UNREAD_BYTES) this.socket.destroy();
    else this.socket.write(encode(reply));
  }
}

function checkCall(message: unknown): Call {
  const { method, parameters } = message as Partial<Call>;
  if (
    typeof method !== "string" ||
    (parameters !== undefined && (typeof parameters !== "object" || parameters === null))
  ) {
    throw new SyntaxError("not a call");
  }
  return message as Call;
}

function unknownMethod(method: string, methods: ReadonlyMap<string, Method>): VarlinkError {
  const name = method.slice(0, method.lastIndexOf("."));
  return [...methods.keys()].some(known => known.startsWith(`${name}.`))
    ? new VarlinkError("org.varlink.service.MethodNotFound", { method })
    : new VarlinkError("org.varlink.service.InterfaceNotFound", { interface: name });
}
