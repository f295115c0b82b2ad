// Calls a supervisor over its control socket.

import { connect, type Socket } from "node:net";
import { type Call, Decoder, encode, REPLY_BYTES, type Reply, VarlinkError } from "./varlink.js";

/** The supervisor went away, or hung up, before it replied. */
export class ConnectionLost extends Error {
  override name = "ConnectionLost";
}

/**
 * Calls a method.
 *
 * @param onReply called for each reply but the last, which is returned; without it the supervisor sends only that one
 * @throws {VarlinkError} when the supervisor replies with an error
 * @throws {ConnectionLost} when it goes away, turns us away, or sends something that isn't a reply
 * @throws {NodeJS.ErrnoException} when it can't be reached: ENOENT, ECONNREFUSED, EACCES
 */
export async function callSupervisor(
  path: string,
  method: string,
  parameters: Record<string, unknown>,
  { onReply, signal }: { onReply?: (parameters: Record<string, unknown>) => void; signal?: AbortSignal } = {},
): Promise<Record<string, unknown>> {
  const socket = connect(path);
  const abort = () => socket.destroy();
  signal?.addEventListener("abort", abort);
  try {
    const call: Call = { method: `tech.fornaxian.zerodown.${method}`, parameters, ...(onReply && { more: true }) };
    socket.write(encode(call));
    for await (const reply of replies(socket)) {
      const { error, continues, parameters } = reply;
      // Anything may have written it.
      const result = typeof parameters === "object" ? (parameters ?? {}) : {};
      if (error !== undefined) throw new VarlinkError(error, result);
      if (!continues) return { ...result };
      onReply?.({ ...result });
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
  throw new ConnectionLost("the supervisor went away before it replied");
}

async function* replies(socket: Socket): AsyncGenerator<Reply> {
  const decoder = new Decoder(REPLY_BYTES);
  try {
    for await (const data of socket) yield* decoder.take(data as Buffer) as Reply[];
  } catch (error) {
    // The supervisor closed the connection before it had read our call, or before we had written it.
    if (["EPIPE", "ECONNRESET"].includes((error as NodeJS.ErrnoException).code!)) {
      throw new ConnectionLost("the supervisor hung up: it has too many clients (then its log says so), or is ending");
    }
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw new ConnectionLost(`the supervisor's reply broke off: ${error.message}`);
    }
    throw error;
  }
}
