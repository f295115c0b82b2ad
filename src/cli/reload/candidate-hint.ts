// Reads from the last lines of a failed candidate, and from what is known of the supervisor, that it bound an address that is ours.

import type { SocketReport } from "../../control/types.js";

/** @returns one line, or none */
export function addressHint(lines: readonly string[], sockets: readonly SocketReport[]): string[] {
  const complaints = lines.filter(line => /EADDRINUSE|address (?:is )?already in use|connection in use/i.test(line));
  if (complaints.length === 0) return [];
  // Node prints the address once more below its stack trace, when the complaint itself is above the last lines.
  const places = [...complaints, ...lines.filter(line => /^\s*(?:port|address): /.test(line))];
  const held = sockets.filter(({ stored }) => !stored).find(socket => places.some(line => names(line, socket)));
  if (!held) return [];
  const { address, fd } = held;
  return [
    `${address.replace(/^\w+ /, "")} is held by zerodown, for each generation: the app must take descriptor ${fd} ($LISTEN_FDS) in place of binding it`,
  ];
}

/** By its port, or as a whole: an app may name another address of this machine. */
function names(line: string, { address }: SocketReport): boolean {
  const [, port] = /:(\d+)$/.exec(address) ?? [];
  const [, path] = /^\w+ ([/@].*)$/.exec(address) ?? [];
  if (port !== undefined) return new RegExp(`(?<![\\d.])${port}(?![\\d.]*\\d)`).test(line);
  return path !== undefined && line.includes(path);
}
