// sd_listen_fds(3) and sd_is_socket(3) for Node. They need nothing of the rest of the library.

import { fstatSync } from "node:fs";
import { native, type SocketDescription } from "../native/index.js";
import { type PassedFd, listenFds as readListenFds } from "../systemd/as-service/listen-fds.js";

export { LISTEN_FDS_START, ListenFdsError, type PassedFd } from "../systemd/as-service/listen-fds.js";

export interface ListenFdsOptions {
  /**
   * Removes LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID and LISTEN_PIDFDID from `process.env`, so that no child takes them for
   * its own; later calls find nothing.
   *
   * @default false
   */
  unsetEnvironment?: boolean;
}

/**
 * The descriptors that were passed to this process, in their order, with their names ("unknown" where none were given).
 * They are close-on-exec, as Node makes all that it inherits.
 *
 * @returns an empty list when none were passed, or LISTEN_PID, or since systemd 259 LISTEN_PIDFDID, names another process
 * @throws {ListenFdsError} when the variables are garbled, or don't match what is open
 * @see sd_listen_fds_with_names(3)
 * @example
 * ```ts
 * import { createServer } from "node:net";
 * import { listenFds } from "zerodown/systemd-socket";
 *
 * const server = createServer(socket => socket.end("Hello\n"));
 * const [socket] = listenFds();
 * server.listen(socket ? { fd: socket.fd } : { port: 0 }, () => server.close());
 * ```
 */
export function listenFds({ unsetEnvironment = false }: ListenFdsOptions = {}): PassedFd[] {
  try {
    return readListenFds(process.env, () => {});
  } finally {
    if (unsetEnvironment) {
      for (const name of ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "LISTEN_PIDFDID"]) delete process.env[name];
    }
  }
}

/**
 * Returns the same descriptors by their names: several may have one name.
 *
 * @throws {ListenFdsError} as listenFds()
 * @example
 * ```ts
 * import { listenFdsWithNames } from "zerodown/systemd-socket";
 *
 * const { web = [], admin = [] } = listenFdsWithNames();
 * console.log(`${web.length} sockets for all, ${admin.length} for few`);
 * ```
 */
export function listenFdsWithNames(options?: ListenFdsOptions): Record<string, number[]> {
  const names: Record<string, number[]> = Object.create(null);
  for (const { fd, name } of listenFds(options)) {
    names[name] ??= [];
    names[name].push(fd);
  }
  return names;
}

/** The kind of socket that is expected; a property that is left out may be anything. */
export interface SocketKind {
  family?: SocketDescription["family"];
  type?: SocketDescription["type"];
  listening?: boolean;
}

/**
 * Whether a descriptor is a socket of that kind.
 *
 * @throws {NodeJS.ErrnoException} EBADF: it isn't open
 * @see sd_is_socket(3)
 * @example
 * ```ts
 * import { isSocket } from "zerodown/systemd-socket";
 *
 * console.log(isSocket(0, { family: "inet", type: "stream", listening: true }));
 * ```
 */
export function isSocket(fd: number, { family, type, listening }: SocketKind = {}): boolean {
  const socket = describe(fd);
  return (
    socket !== null &&
    (family === undefined || socket.family === family) &&
    (type === undefined || socket.type === type) &&
    (listening === undefined || socket.listening === listening)
  );
}

/**
 * Whether a descriptor is an IPv4 or IPv6 socket, and on that port.
 *
 * @throws {NodeJS.ErrnoException} EBADF: it isn't open
 * @see sd_is_socket_inet(3)
 * @example
 * ```ts
 * import { isSocketInet, listenFds } from "zerodown/systemd-socket";
 *
 * const [metrics] = listenFds().filter(({ fd }) => isSocketInet(fd, { type: "stream", port: 9090 }));
 * console.log(metrics ? `metrics on descriptor ${metrics.fd}` : "no metrics");
 * ```
 */
export function isSocketInet(fd: number, kind: SocketKind & { port?: number } = {}): boolean {
  const socket = describe(fd);
  const isInet = socket?.family === "inet" || socket?.family === "inet6";
  return isInet && isSocket(fd, kind) && (kind.port === undefined || socket?.port === kind.port);
}

/**
 * Whether a descriptor is a unix socket, and bound to that path ("@…" for an abstract name).
 *
 * @throws {NodeJS.ErrnoException} EBADF: it isn't open
 * @see sd_is_socket_unix(3)
 * @example
 * ```ts
 * import { isSocketUnix } from "zerodown/systemd-socket";
 *
 * console.log(isSocketUnix(0, { type: "datagram", path: "/run/app/log.sock" }));
 * ```
 */
export function isSocketUnix(fd: number, kind: SocketKind & { path?: string } = {}): boolean {
  const socket = describe(fd);
  return isSocket(fd, { ...kind, family: "unix" }) && (kind.path === undefined || socket?.path === kind.path);
}

/**
 * Whether a descriptor is a FIFO.
 *
 * @throws {NodeJS.ErrnoException} EBADF: it isn't open
 * @see sd_is_fifo(3)
 * @example
 * ```ts
 * import { isFifo, listenFds } from "zerodown/systemd-socket";
 *
 * console.log(`${listenFds().filter(({ fd }) => isFifo(fd)).length} FIFOs (ListenFIFO=)`);
 * ```
 */
export function isFifo(fd: number): boolean {
  return fstatSync(fd).isFIFO();
}

function describe(fd: number): SocketDescription | null {
  // fs refuses an invalid number in Node's own words; the addon would only say that it isn't an integer.
  fstatSync(fd);
  return native.describeSocket(fd);
}
