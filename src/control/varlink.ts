// Varlink's messages: JSON objects, each ended by a NUL byte (varlink.org).

/** The longest call that the supervisor takes, bytes. Ours are far shorter. */
export const CALL_BYTES = 64 * 1024;
/** The longest reply that a client takes, bytes: the status of thousands of sockets, and of the generations. */
export const REPLY_BYTES = 4 * 1024 * 1024;

export interface Call {
  readonly method: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** The caller takes several replies. */
  readonly more?: boolean;
  /** The caller wants no reply. */
  readonly oneway?: boolean;
}

export interface Reply {
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** More replies follow. */
  readonly continues?: boolean;
  /** The qualified name of an error, in place of a result. */
  readonly error?: string;
}

/** An error that goes to the caller by its name, with its parameters. */
export class VarlinkError extends Error {
  constructor(
    /** e.g. "org.varlink.service.InvalidParameter" */
    readonly error: string,
    readonly parameters: Readonly<Record<string, unknown>> = {},
  ) {
    super(error);
  }
}

export function encode(message: Call | Reply): string {
  return `${JSON.stringify(message)}\0`;
}

/** Collects bytes and gives out the messages in them. */
export class Decoder {
  /**
   * @param longest how long a message may be, bytes
   * @param rest what another decoder had left
   */
  constructor(
    private readonly longest: number,
    private rest: Buffer = Buffer.alloc(0),
  ) {}

  /** What has come of the next message so far. */
  get left(): Buffer {
    return this.rest;
  }

  /**
   * @returns the messages that are complete now
   * @throws {RangeError | SyntaxError} when a message is too long, or isn't a JSON object; the stream is unusable then
   */
  take(data: Buffer): unknown[] {
    this.rest = Buffer.concat([this.rest, data]);
    const messages: unknown[] = [];
    for (let end = this.rest.indexOf(0); end >= 0; end = this.rest.indexOf(0)) {
      if (end > this.longest) break;
      messages.push(parseObject(this.rest.subarray(0, end)));
      this.rest = this.rest.subarray(end + 1);
    }
    if (this.rest.length > this.longest) throw new RangeError(`a message is longer than ${this.longest} bytes`);
    return messages;
  }
}

function parseObject(bytes: Buffer): object {
  const value: unknown = JSON.parse(bytes.toString("utf8"));
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SyntaxError("not a JSON object");
  return value;
}
