// Connections arrive from a process whose place this one takes. Nothing is read from one before its giver is told that it is
// taken: if this process ends before that, the connection is still the giver's, and nobody has lost a byte.

import { closeSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";
import { maxOpenFiles } from "../../linux/limits.js";
import { type NativeError, native } from "../../native/index.js";
import { say } from "../logger.js";
import { take } from "./connection.js";
import { CLOSED, closeAll, type Received, receive } from "./messages.js";

/** The servers of this process, by the index of their socket in LISTEN_FDS. */
export type Servers = ReadonlyMap<number, HttpServer>;

/** So much of its descriptors a process keeps for new clients, and for what it opens itself. */
const SPARE = 1 / 8;

export class Arrival {
  private readonly stop: () => void;
  private isOpen = true;
  /** A new descriptor is the lowest number that is free: from this one on there is no room. */
  private readonly limit = (maxOpenFiles() ?? Number.POSITIVE_INFINITY) * (1 - SPARE);

  /** @param onEnd called when nothing more arrives here */
  constructor(
    private readonly fd: number,
    private readonly servers: Servers,
    private readonly onEnd: () => void,
  ) {
    // One message at a time, so that requests under way needn't wait for all of them.
    this.stop = native.watchAside(fd, false, status => (status < 0 ? this.readAll() : this.read()));
    this.say(0, []);
  }

  /** What has not been taken by now stays with its giver. */
  end(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.stop();
    closeSync(this.fd);
    this.onEnd();
  }

  /** The giver has gone, and nothing will tell of what it has left. */
  private readAll(): void {
    while (this.isOpen) this.read();
  }

  private read(): void {
    const message = receive(this.fd);
    if (message === CLOSED) this.end();
    else if (message) this.takeAll(message);
  }

  /** Takes the first ones of a message, until one can't be taken. */
  private takeAll({ fds, number, numbers }: Received): void {
    const server = this.servers.get(number("SOCKET") ?? -1);
    const requests = numbers("REQUESTS");
    const taken: Socket[] = [];
    for (const fd of fds) {
      if (!server || fd >= this.limit) {
        closeAll(fds.slice(taken.length));
        break;
      }
      const socket = takeOne(server, fd, requests[taken.length] ?? 0);
      if (!socket) {
        closeAll(fds.slice(taken.length + 1));
        break;
      }
      taken.push(socket);
    }
    this.say(taken.length, taken);
  }

  private say(count: number, taken: readonly Socket[]): void {
    const open = [...this.servers.values()].reduce((sum, server) => sum + connectionsOf(server), 0);
    try {
      native.send(this.fd, `TAKEN=${count}\nOPEN=${open}`, []);
    } catch (error) {
      // Where the giver has gone nobody else has them.
      if (/^(?:EPIPE|ECONNRESET|ENOTCONN)$/.test((error as NativeError).code)) return;
      for (const socket of taken) socket.destroy();
      this.end();
    }
  }
}

/** @param fd is closed where the server can't have it */
function takeOne(server: HttpServer, fd: number, requests: number): Socket | undefined {
  try {
    return take(server, fd, requests);
  } catch (error) {
    closeSync(fd);
    say("warning", `a connection of the generation before could not be taken: ${(error as Error).message}`);
    return undefined;
  }
}

/** As getConnections() has it, which answers later. */
function connectionsOf(server: HttpServer): number {
  return (server as { _connections?: number })._connections ?? 0;
}
