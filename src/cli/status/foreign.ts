// Listening sockets of others on an address of ours: by SO_REUSEPORT (socket(7)) they are queues of it, too.

import { formatAddress, type Listener, readListeners } from "../../linux/sockets/listeners.js";
import { findHolders, nameOf } from "../../supervisor/holders.js";
import { readSockets } from "./processes.js";

/** It gets a share of the clients of that address. */
export interface ForeignSocket {
  /** As in SocketReport. */
  readonly address: string;
  /** Who has it open, as far as we may look. */
  readonly holders: readonly { readonly pid: number; readonly name: string }[];
}

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
    address: `stream ${formatAddress(address)}`,
    holders: found.flatMap(holder =>
      holder?.inodes.includes(inode) ? [{ pid: holder.pid, name: nameOf(holder.pid) }] : [],
    ),
  }));
}
