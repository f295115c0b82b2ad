// Accept queues: several sockets of one address, over which the kernel spreads the clients (SO_REUSEPORT in socket(7)).

import { native } from "../../native/index.js";
import type { Listen } from "./address.js";

/** The sockets of one address: its queues, where there are several. */
export type Queues<T> = readonly T[];

/**
 * Puts together what shares an address by SO_REUSEPORT, and has the same type, protocol, interface and name. The order is
 * that of the first socket of each address.
 *
 * @param keyOf the same text for descriptors that share an address; undefined for one that shares it with none
 */
export function groupQueues<T extends { readonly fd: number; readonly name: string }>(
  sockets: readonly T[],
  keyOf = sharedAddress,
): Queues<T>[] {
  const groups = new Map<string, T[]>();
  for (const socket of sockets) {
    const { fd, name } = socket;
    const address = keyOf(fd);
    const key = JSON.stringify(address === undefined ? fd : [address, name]);
    const group = groups.get(key);
    if (group) group.push(socket);
    else groups.set(key, [socket]);
  }
  return [...groups.values()];
}

/** Which of an address's queues the process of a slot gets; with more slots than queues some share one. */
export function queueOf(slot: number, queues: number): number {
  return slot % queues;
}

/** What the process of a slot gets: one socket of each address. */
export function socketsOf<T>(addresses: readonly Queues<T>[], slot: number): T[] {
  return addresses.map(queues => queues[queueOf(slot, queues.length)]!);
}

/** Whether two options ask for queues of one address. A unix socket has one, and port 0 is another port each time. */
export function isSameAddress(one: Listen, other: Listen): boolean {
  const textOf = ({ type, name, address }: Listen) => JSON.stringify([type, name, address]);
  return one.address.family !== "unix" && one.address.port !== 0 && textOf(one) === textOf(other);
}

function sharedAddress(fd: number): string | undefined {
  const shared = native.reusePort(fd);
  if (!shared) return undefined;
  const { family, type, host, port } = native.describeSocket(fd)!;
  return host === undefined ? undefined : JSON.stringify({ ...shared, family, type, host, port });
}
