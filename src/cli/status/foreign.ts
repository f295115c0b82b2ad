// Listening sockets of others on an address of ours: by SO_REUSEPORT (socket(7)) they are queues of it, too.

import { closeSync, openSync, readSync } from "node:fs";
import { findHolders, nameOf } from "../../supervisor/holders.js";
import { readSockets } from "./processes.js";

/** It gets a share of the clients of that address. */
export interface ForeignSocket {
  /** As in SocketReport. */
  readonly address: string;
  /** Who has it open, as far as we may look. */
  readonly holders: readonly { readonly pid: number; readonly name: string }[];
}

/** A TCP socket that listens, from a line of /proc/PID/net/tcp or tcp6: proc_pid_net(5). */
interface Listener {
  /** In hexadecimal. */
  readonly address: string;
  readonly inode: string;
}

const CHUNK = 65_536;

/** @param supervisor its pid */
export function foreignSockets(supervisor: number): ForeignSocket[] {
  const own = readSockets(supervisor) ?? new Set();
  const listeners = ["tcp", "tcp6"].flatMap(file => readListeners(`/proc/${supervisor}/net/${file}`));
  const isOwn = ({ inode }: Listener) => own.has(`socket:[${inode}]`);
  const addresses = new Set(listeners.filter(isOwn).map(({ address }) => address));
  const foreign = listeners.filter(listener => !isOwn(listener) && addresses.has(listener.address));
  if (foreign.length === 0) return [];
  const found = [...findHolders(new Set(foreign.map(({ inode }) => inode)), () => false)];
  return foreign.map(({ address, inode }) => ({
    address: formatAddress(address),
    holders: found.flatMap(holder =>
      holder?.inodes.includes(inode) ? [{ pid: holder.pid, name: nameOf(holder.pid) }] : [],
    ),
  }));
}

/** They come first in the file, which may be long; none where it can't be read. */
function readListeners(path: string): Listener[] {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    let text = "";
    const chunk = Buffer.alloc(CHUNK);
    for (;;) {
      const length = readSync(fd, chunk);
      text += chunk.toString("latin1", 0, length);
      const lines = text.split("\n").slice(1, -1).map(parseLine);
      const others = lines.indexOf(undefined);
      if (others >= 0 || length === 0) return lines.slice(0, others < 0 ? undefined : others) as Listener[];
    }
  } catch {
    return [];
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** undefined for one that doesn't listen. */
function parseLine(line: string): Listener | undefined {
  const [, address = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
  return state === "0A" ? { address, inode } : undefined;
}

/** "0100007F:1F90" is 127.0.0.1:8080: words of 32 bits as the CPU, which is little-endian, has them. */
function formatAddress(text: string): string {
  const [host = "", port = ""] = text.split(":");
  const bytes = (host.match(/.{8}/g) ?? []).flatMap(word => [...Buffer.from(word, "hex")].reverse());
  const isIPv4 = bytes.length === 4;
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  );
  const name = isIPv4 ? bytes.join(".") : new URL(`http://[${groups.join(":")}]`).hostname;
  return `stream ${name}:${Number.parseInt(port, 16)}`;
}
