// TCP sockets that listen, whosever they are: proc_pid_net(5). They are those of a network namespace.

import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { readLink } from "../proc.js";

/** A TCP socket that listens, from a line of /proc/PID/net/tcp or tcp6: proc_pid_net(5). */
export interface Listener {
  /** In hexadecimal: for formatAddress. */
  readonly address: string;
  readonly inode: string;
}

const CHUNK = 65_536;

/** What processes listen on by sockets that this process doesn't have. */
export interface Elsewhere {
  /** "127.0.0.1:8080"; those with a port that the kernel has chosen are left out, because nobody else knows them. */
  readonly addresses: readonly string[];
  /** See migratesRequests(). */
  readonly migrates: boolean | undefined;
}

export function listensElsewhere(pids: readonly number[]): Elsewhere {
  const own = linksOf("self");
  const theirs = new Set(pids.flatMap(pid => [...linksOf(String(pid))]).filter(link => !own.has(link)));
  const listeners = theirs.size === 0 ? [] : ["tcp", "tcp6"].flatMap(file => readListeners(`/proc/self/net/${file}`));
  const addresses = listeners.filter(({ inode }) => theirs.has(`socket:[${inode}]`)).map(({ address }) => address);
  const [first = 0, last = 0] = (setting("ip_local_port_range") ?? "").split(/\s+/).map(Number);
  return {
    addresses: addresses.map(formatAddress).filter(text => {
      const port = Number(/\d+$/.exec(text)![0]);
      return port < first || port > last;
    }),
    migrates: migratesRequests(),
  };
}

/**
 * Whether the kernel moves the clients that wait for a socket with SO_REUSEPORT to another one of its group when it is closed
 * (net.ipv4.tcp_migrate_req in this network namespace); undefined where it can't (before Linux 5.14).
 */
export function migratesRequests(): boolean | undefined {
  const text = setting("tcp_migrate_req");
  return text === undefined ? undefined : Number(text) > 0;
}

function setting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/ipv4/${name}`, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Those to sockets, of a process that may be looked into. */
function linksOf(pid: string): Set<string> {
  const directory = `/proc/${pid}/fd`;
  const links = fdsIn(directory).map(fd => readLink(`${directory}/${fd}`) ?? "");
  return new Set(links.filter(link => link.startsWith("socket:")));
}

function fdsIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // The process is gone, or nobody may look into it.
    return [];
  }
}

/** They come first in the file, which may be long; none where it can't be read. */
export function readListeners(path: string): Listener[] {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    const listeners: Listener[] = [];
    const chunk = Buffer.alloc(CHUNK);
    let isTitle = true;
    // The kernel gives 4 KiB at a time, however much is asked for.
    for (let rest = "", length = readSync(fd, chunk); length > 0; length = readSync(fd, chunk)) {
      const lines = `${rest}${chunk.toString("latin1", 0, length)}`.split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const listener = parseLine(line);
        if (listener) listeners.push(listener);
        else if (!isTitle) return listeners;
        isTitle = false;
      }
    }
    return listeners;
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

/** "0100007F:1F90" is "127.0.0.1:8080": words of 32 bits as the CPU, which is little-endian, has them. */
export function formatAddress(text: string): string {
  const [host = "", port = ""] = text.split(":");
  const bytes = (host.match(/.{8}/g) ?? []).flatMap(word => [...Buffer.from(word, "hex")].reverse());
  const isIPv4 = bytes.length === 4;
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  );
  const name = isIPv4 ? bytes.join(".") : new URL(`http://[${groups.join(":")}]`).hostname;
  return `${name}:${Number.parseInt(port, 16)}`;
}
