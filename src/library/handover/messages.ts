// What processes say to one another when connections move, and the supervisor says to them: docs/handover.md.

import { closeSync } from "node:fs";
import { type Message, type NativeError, native } from "../../native/index.js";

/** The other end is closed. */
export const CLOSED = Symbol("closed");

export interface Received {
  /** A number that the message gives; undefined where it gives none. */
  number(name: string): number | undefined;
  /** The numbers that the message gives, in their order. */
  numbers(name: string): number[];
  /** For the receiver to close. */
  readonly fds: readonly number[];
}

/** @returns the next message; null when none waits */
export function receive(fd: number): Received | typeof CLOSED | null {
  const message = receiveOrReset(fd) ?? null;
  if (message === null) return null;
  const { data, fds } = message;
  if (data.length === 0 && fds.length === 0) return CLOSED;
  const lines = data.toString("latin1").split("\n");
  const numbers = (name: string) => {
    const line = lines.find(line => line.startsWith(`${name}=`));
    return (line?.slice(name.length + 1).split(" ") ?? []).filter(word => /^\d+$/.test(word)).map(Number);
  };
  return { fds, numbers, number: name => numbers(name)[0] };
}

/**
 * A receiver that ends with messages unread makes this end fail once. What it has said before comes after that.
 */
function receiveOrReset(fd: number): Message | null {
  try {
    return native.receive(fd);
  } catch (error) {
    if ((error as NativeError).code !== "ECONNRESET") throw error;
    return native.receive(fd);
  }
}

export function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd);
}
