// Binds the sockets of --listen, with the defaults that systemd has for a .socket unit.

import { chmodSync, closeSync, lstatSync, unlinkSync } from "node:fs";
import {
  AF_INET,
  AF_INET6,
  type NativeError,
  native,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../../native/index.js";
import type { Address, Listen } from "./address.js";

const TYPES = { stream: SOCK_STREAM, datagram: SOCK_DGRAM, seqpacket: SOCK_SEQPACKET };

/**
 * Binds, and for streams and seqpackets listens. It replaces a socket file that nobody serves any more, but not one
 * that is alive.
 *
 * @param options `mode` is that of a socket's file, by default that of SocketMode=; `reusePort`: see native.bindInet()
 * @returns the descriptor, close-on-exec
 * @throws {NativeError} e.g. EADDRINUSE, EACCES, EADDRNOTAVAIL
 */
export function bindSocket(listen: Listen, { mode = 0o666, reusePort = false } = {}): number {
  const { address } = listen;
  const type = TYPES[listen.type];
  if (address.family !== "unix") return bindInet(type, address, reusePort);
  const isFile = address.name.startsWith("/");
  if (isFile && isStale(type, address.name)) unlinkSync(address.name);
  const fd = native.bindUnix(type, address.name);
  if (isFile) chmodSync(address.name, mode);
  return fd;
}

function bindInet(type: number, address: Exclude<Address, { family: "unix" }>, reusePort: boolean): number {
  const { host, port } = address;
  const family = address.family === "inet" ? AF_INET : AF_INET6;
  try {
    return native.bindInet(type, family, host, address.interface, port, reusePort);
  } catch (error) {
    // systemd does the same for a bare port on a machine without IPv6.
    if ((error as NativeError).code !== "EAFNOSUPPORT" || host !== "::") throw error;
    return native.bindInet(type, AF_INET, "0.0.0.0", "", port, reusePort);
  }
}

function isStale(type: number, path: string): boolean {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return false;
  try {
    closeSync(native.connectUnix(type, path));
    return false;
  } catch (error) {
    return (error as NativeError).code === "ECONNREFUSED";
  }
}
