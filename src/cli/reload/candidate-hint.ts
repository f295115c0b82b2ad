// What is known of the supervisor tells why a candidate may have failed: by its last lines it bound an address that is ours, or it was
// only tried, and got other sockets.

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

/** For an app that counts its sockets, or goes by their names. @returns one line, or none */
export function trialHint(sockets: readonly SocketReport[]): string[] {
  const { size } = new Set(sockets.filter(({ stored }) => !stored).map(({ fd }) => fd));
  if (size < 2) return [];
  return [`in a dry run it got one socket, named "probe", in place of its ${size}; $ZERODOWN_DRY_RUN=1 tells it that`];
}

/** By its port, or as a whole: an app may name another address of this machine. */
function names(line: string, { address }: SocketReport): boolean {
  const [, port] = /:(\d+)$/.exec(address) ?? [];
  const [, path] = /^\w+ ([/@].*)$/.exec(address) ?? [];
  if (port !== undefined) return new RegExp(`(?<![\\d.])${port}(?![\\d.]*\\d)`).test(line);
  return path !== undefined && line.includes(path);
}
