// Serves one client of the control socket: its calls in, our replies out, one call at a time.

import { Stream } from "../linux/sockets/stream.js";
import { CALL_BYTES, type Call, Decoder, encode, type Reply, VarlinkError } from "./varlink.js";

/** How many bytes of replies a client may leave unread before it is cut off. */
const UNREAD_BYTES = 256 * 1024;
/** How many calls a client may send ahead of the replies. */
const WAITING_CALLS = 16;

/** What a method notes of a call, for a supervisor that goes on with it. */
export interface Ticket {
  /** Whom the machine's answer goes to (see Askers); null for nobody yet. */
  asker: number | null;
  /** The supervisor that this one has replaced began to serve the call. */
  readonly isResumed: boolean;
}

/**
 * Serves one method call. It may reply several times through `reply` if the caller said `more`; the last reply is what it
 * returns. `signal` aborts when the caller is gone.
 */
export type Method = (
  parameters: Readonly<Record<string, unknown>>,
  reply: ((parameters: Record<string, unknown>) => void) | undefined,
  signal: AbortSignal,
  ticket: Ticket,
) => Promise<Record<string, unknown>> | Record<string, unknown>;

/** What it takes to go on with a client: plain data, which JSON can hold. */
export interface SavedConnection {
  /** An accepted, non-blocking connection. */
  readonly fd: number;
  /** What was read of the next call, in base64. */
  readonly left: string;
  /** Calls that were read; the first one is being served where there is an `asker`, or null. */
  readonly calls: readonly Call[];
  readonly asker?: number | null | undefined;
}

export class Connection {
  private readonly fd: number;
  private readonly stream: Stream;
  private readonly decoder: Decoder;
  private readonly calls: Call[];
  private current: { readonly call: Call; readonly ticket: Ticket } | undefined;
  private readonly gone = new AbortController();
  /** Progress that waits until the client has read what came before: of several only the newest counts. */
  private newest: Reply | undefined;

  /** @param client its descriptor is this object's own from now on */
  constructor(
    { fd, left, calls, asker }: SavedConnection,
    private readonly methods: ReadonlyMap<string, Method>,
    private readonly onProblem: (what: string) => void,
    onClose: () => void,
  ) {
    this.fd = fd;
    this.decoder = new Decoder(CALL_BYTES, Buffer.from(left, "base64"));
    this.calls = [...calls];
    this.stream = new Stream(fd, {
      onData: data => this.received(data),
      // The client calls no more, but may still listen. A write, even of nothing, fails if the client is gone. A half-closed
      // client that leaves later is noticed only at the next write: that of a watcher at the next change.
      onEnd: () => {
        this.stream.write("");
        void this.serve();
      },
      onClose: () => {
        this.gone.abort();
        onClose();
      },
    });
    if (calls.length > 0) void this.serve(asker);
  }

  /** @returns undefined where the client is gone, or has left replies unread: it can't be told which part of them */
  save(): SavedConnection | undefined {
    if (this.stream.isClosed || this.stream.unsentBytes > 0) return undefined;
    const { fd, current } = this;
    const calls = current ? [current.call, ...this.calls] : this.calls;
    return { fd, left: this.decoder.left.toString("base64"), calls, asker: current?.ticket.asker };
  }

  /** Resolves when all that was sent so far is out, or the client is gone. */
  async flushed(): Promise<void> {
    return this.stream.flushed();
  }

  private received(data: Buffer): void {
    try {
      for (const message of this.decoder.take(data)) this.calls.push(checkCall(message));
      if (this.calls.length > WAITING_CALLS) throw new RangeError("too many calls at once");
    } catch {
      this.stream.close();
      return;
    }
    void this.serve();
  }

  /** @param resumed the `asker` of the first call, where it was being served before */
  private async serve(resumed?: number | null): Promise<void> {
    if (this.current) return;
    let ticket: Ticket = { asker: resumed ?? null, isResumed: resumed !== undefined };
    try {
      for (let call = this.calls.shift(); call && !this.gone.signal.aborted; call = this.calls.shift()) {
        this.current = { call, ticket };
        const last = await this.answer(call, ticket);
        this.newest = undefined;
        if (!call.oneway) this.send(last);
        ticket = { asker: null, isResumed: false };
      }
    } catch (error) {
      this.onProblem(`the control socket cuts a client off: ${(error as Error).stack}`);
      this.stream.close();
    }
    this.current = undefined;
    if (this.stream.isEnded) this.stream.end();
  }

  private async answer({ method, parameters = {}, more, oneway }: Call, ticket: Ticket): Promise<Reply> {
    try {
      const serve = this.methods.get(method);
      if (!serve) throw unknownMethod(method, this.methods);
      const reply =
        more && !oneway
          ? (part: Record<string, unknown>) => this.sendProgress({ parameters: part, continues: true })
          : undefined;
      return { parameters: await serve(parameters, reply, this.gone.signal, ticket) };
    } catch (error) {
      if (!(error instanceof VarlinkError)) throw error;
      return { error: error.error, parameters: error.parameters };
    }
  }

  private sendProgress(progress: Reply): void {
    const waits = this.newest !== undefined;
    this.newest = progress;
    if (waits) return;
    if (this.stream.unsentBytes === 0) this.sendNewest();
    else void this.flushed().then(() => this.sendNewest());
  }

  private sendNewest(): void {
    const { newest } = this;
    this.newest = undefined;
    if (newest) this.send(newest);
  }

  private send(reply: Reply): void {
    if (this.gone.signal.aborted) return;
    // Only the unread replies before this one count, whatever its own size.
    if (this.stream.unsentBytes > UNREAD_BYTES) this.stream.close();
    else this.stream.write(encode(reply));
  }
}

function checkCall(message: unknown): Call {
  const { method, parameters, ...rest } = message as Partial<Call>;
  if (typeof method !== "string" || typeof (parameters ?? {}) !== "object" || Array.isArray(parameters)) {
    throw new SyntaxError("not a call");
  }
  // To systemd's own Varlink null is none, too.
  return { ...rest, method, ...(parameters ? { parameters } : {}) };
}

function unknownMethod(method: string, methods: ReadonlyMap<string, Method>): VarlinkError {
  const name = method.slice(0, method.lastIndexOf("."));
  return [...methods.keys()].some(known => known.startsWith(`${name}.`))
    ? new VarlinkError("org.varlink.service.MethodNotFound", { method })
    : new VarlinkError("org.varlink.service.InterfaceNotFound", { interface: name });
}
