// Where a server listens that was passed no socket.

import { readFileSync } from "node:fs";
import type { ListenOptions, Server } from "node:net";
import { parseAddress } from "../linux/sockets/address.js";

/** What serve() takes. */
export interface ListenTarget {
  readonly listen?: number | string | ListenOptions | undefined;
  readonly reusePort?: boolean | undefined;
}

/**
 * Calls `server.listen()`. That it can't listen there, the server says by its event "error".
 *
 * @throws {TypeError} when nobody says where
 * @throws {RangeError} when it isn't an address
 * @throws {Error} when the port is to be shared, and this Node can't
 */
export function listenItself(server: Server, { listen, reusePort = false }: ListenTarget): void {
  const target = listen ?? (process.env.PORT || undefined);
  if (target === undefined) {
    throw new TypeError("serve(): no socket was passed, and neither { listen } nor $PORT is given");
  }
  try {
    const options = toListenOptions(target);
    server.listen(reusePort ? shared(options) : options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`serve(): ${listen === undefined ? "$PORT" : "listen"}: ${error.message}`, { cause: error });
  }
}

/** A port of a host that the resolver knows: `localhost:8080`. What looks like an IPv4 address isn't one. */
const NAMED = /^((?=.*[a-z_-])[\w.-]+):(\d+)$/i;

function toListenOptions(target: number | string | ListenOptions): ListenOptions {
  if (typeof target === "object") return target;
  // For a mere port Node itself finds out whether there is IPv6.
  if (typeof target === "number" || /^\d+$/.test(target)) return { port: Number(target) };
  const [, name, namedPort] = NAMED.exec(target) ?? [];
  if (name !== undefined) return { host: name, port: Number(namedPort) };
  const address = parse(target);
  if (address.family === "unix") return { path: address.name.replace(/^@/, "\0") };
  const { host, port } = address;
  return { port, host: address.interface ? `${host}%${address.interface}` : host };
}

function parse(target: string): ReturnType<typeof parseAddress> {
  try {
    return parseAddress(target);
  } catch (error) {
    // Only here a host may have a name, because systemd and `zerodown run` bind before anything can be resolved.
    throw new RangeError((error as Error).message.replace("(8080, ", "(8080, localhost:8080, "), { cause: error });
  }
}

// ── SO_REUSEPORT: each generation binds the port for itself ──────────────────────────────────────────────────────────

function shared(options: ListenOptions): ListenOptions {
  if (options.path !== undefined) {
    throw new RangeError(`"${options.path.replace(/^\0/, "@")}" is a path, and with reusePort it must be a port`);
  }
  if (!canSharePort(process.versions.node)) {
    throw new Error(
      `serve(): { reusePort: true } takes Node 22.12, 23.1 or later, and this is ${process.versions.node}: ` +
        "let zerodown bind, by --listen or a .socket unit, and no generation needs it",
    );
  }
  // Older types don't know it.
  return { ...options, reusePort: true } as ListenOptions;
}

/** An older Node ignores the option in silence. */
export function canSharePort(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}

/** What a reload costs a generation that has bound its port for itself; undefined: nothing. */
export function sharedPortLoss(): string | undefined {
  if (readMigration() === "1") return undefined;
  return (
    "with reusePort a reload loses the clients that wait in this generation's accept queue, unless the kernel moves them: " +
    "sysctl net.ipv4.tcp_migrate_req=1 (Linux 5.14); or let zerodown bind, by --listen or a .socket unit"
  );
}

function readMigration(): string | undefined {
  try {
    return readFileSync("/proc/sys/net/ipv4/tcp_migrate_req", "utf8").trim();
  } catch {
    return undefined;
  }
}
