// The socket by which probes reach one process and no other: those of the service are every generation's.

import { chmodSync, closeSync } from "node:fs";
import { listeningSockets } from "../linux/accepting/listening.js";
import type { Listening } from "../linux/accepting/look.js";
import { removeSocketFile } from "../linux/sockets/remove.js";
import { native, SOCK_STREAM } from "../native/index.js";

/** Its name in LISTEN_FDNAMES. */
export const PROBE_NAME = "probe";

/** It is plain data, which JSON can hold. Only the process has the descriptor: when it ends, nobody waits for an answer. */
export interface ProbeSocket {
  readonly path: string;
  readonly listening: Listening;
}

/**
 * @returns the socket, and its descriptor, for the caller to close when the process has it
 * @throws {NativeError} when it can't be bound
 */
export function bindProbeSocket(path: string): [ProbeSocket, number] {
  removeSocketFile(path);
  const fd = native.bindUnix(SOCK_STREAM, path);
  try {
    chmodSync(path, 0o600);
    return [{ path, listening: listeningSockets([fd])[0]! }, fd];
  } catch (error) {
    closeSync(fd);
    removeSocketFile(path);
    throw error;
  }
}
