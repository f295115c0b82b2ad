// Addresses as ListenStream=, ListenDatagram= and ListenSequentialPacket= write them (systemd.socket(5)).

export type SocketType = "stream" | "datagram" | "seqpacket";

export type Address =
  | { readonly family: "unix"; readonly name: string }
  | { readonly family: "inet" | "inet6"; readonly host: string; readonly interface: string; readonly port: number };

/** A socket that was asked for with `--listen`. */
export interface Listen {
  readonly type: SocketType;
  /** The socket's name in LISTEN_FDNAMES; undefined when none was given. */
  readonly name: string | undefined;
  readonly address: Address;
  /** The address as it was written. */
  readonly text: string;
}

/**
 * Reads an address: `8080` (all addresses), `127.0.0.1:8080`, `[::1]:8080`, `[fe80::1]:8080%eth0`, `/run/a.sock`,
 * `@abstract`.
 *
 * @throws {RangeError} when the text isn't an address
 */
export function parseAddress(text: string): Address {
  if (/^[/@]./.test(text)) {
    if (text.includes("\0")) throw new RangeError("a socket's name can't hold NUL bytes");
    return { family: "unix", name: text };
  }
  const [, host6, port6, interfaceName = ""] = /^\[(.+)\]:(\d+)(?:%(.+))?$/.exec(text) ?? [];
  // systemd writes the interface at the end, not as in "fe80::1%eth0".
  if (host6 !== undefined && isIPv6(host6) && !host6.includes("%")) {
    return { family: "inet6", host: host6, interface: interfaceName, port: parsePort(port6, text) };
  }
  const [, host4, port4] = /^(?:([\d.]+):)?(\d+)$/.exec(text) ?? [];
  if (host4 !== undefined && isIPv4(host4)) {
    return { family: "inet", host: host4, interface: "", port: parsePort(port4, text) };
  }
  if (port4 !== undefined && host4 === undefined) {
    return { family: "inet6", host: "::", interface: "", port: parsePort(port4, text) };
  }
  throw new RangeError(`"${text}" isn't an address (8080, 127.0.0.1:8080, [::1]:8080, /run/a.sock, @name)`);
}

function parsePort(text: string | undefined, address: string): number {
  const port = Number(text);
  if (port > 65535) throw new RangeError(`"${address}": a port is at most 65535`);
  return port;
}

/**
 * Reads the value of a `--listen` option: an address, or NAME=address. A name is what FileDescriptorName= takes: up to
 * 255 ASCII characters, no ":" and no control characters.
 *
 * @throws {RangeError} when it is neither
 */
export function parseListen(type: SocketType, text: string): Listen {
  // A path or an abstract name may hold "=" itself.
  const [, name, address = text] = /^([^/@[=]*)=(.*)$/s.exec(text) ?? [];
  if (name !== undefined && !/^[\x20-\x39\x3b-\x7e]{1,255}$/.test(name)) {
    throw new RangeError(
      `"${name}" isn't a name for a socket (1 to 255 ASCII characters, no ":" and no control characters)`,
    );
  }
  return { type, name, address: parseAddress(address), text: address };
}

// node:net has these two functions, but would cost every idle supervisor 1.5 MB.

function isIPv4(host: string): boolean {
  const parts = host.split(".");
  return parts.length === 4 && parts.every(part => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIPv6(host: string): boolean {
  return /^[\da-f:.]+$/i.test(host) && URL.canParse(`http://[${host}]/`);
}
