// A notify socket as the service manager has it, bound for real.

import { closeSync } from "node:fs";
import { removeSocketFile } from "../../src/linux/sockets/remove.js";
import { native, SOCK_DGRAM } from "../../src/native/index.js";
import { Lines } from "./lines.js";

export interface Received {
  /** The pid that sent the message. */
  readonly pid: number;
  /** The message's assignments. */
  readonly assignments: readonly string[];
  /** How many descriptors came with the message. */
  readonly fds: number;
}

export class ManagerSocket {
  readonly received: Received[] = [];
  /** The same messages, to wait for: each has "|" between its assignments. */
  readonly lines = new Lines();
  private readonly fd: number;
  private stopReading: (() => void) | undefined;

  /** @param address a path or an @abstract name */
  constructor(readonly address: string) {
    this.fd = native.bindUnix(SOCK_DGRAM, address);
    native.passCredentials(this.fd);
    open.add(this);
  }

  /** Takes messages from now on. */
  read(): this {
    this.stopReading ??= native.watch(this.fd, false, () => this.collect());
    return this;
  }

  /** Takes no more. */
  pause(): void {
    this.stopReading?.();
    this.stopReading = undefined;
  }

  /** Sends itself messages until nobody can send one more. */
  fill(): void {
    // The kernel limits what waits from each sender, too.
    for (let isFull = false; !isFull; ) {
      const sender = native.connectUnix(SOCK_DGRAM, this.address);
      isFull = !native.writable(sender);
      while (native.writable(sender)) native.send(sender, "FILLER=1", []);
      closeSync(sender);
    }
  }

  close(): void {
    if (!open.delete(this)) return;
    this.pause();
    closeSync(this.fd);
    if (this.address.startsWith("/")) removeSocketFile(this.address);
  }

  /** Takes what is there. */
  collect(): void {
    for (let message = native.receive(this.fd); message; message = native.receive(this.fd)) {
      const text = String(message.data);
      for (const fd of message.fds) closeSync(fd);
      if (text === "FILLER=1") continue;
      this.received.push({ pid: message.pid, assignments: text.split("\n"), fds: message.fds.length });
      this.lines.add(`${text.replaceAll("\n", "|")}\n`);
    }
  }
}

const open = new Set<ManagerSocket>();

/** For afterEach: no socket outlives its test. */
export function closeManagerSockets(): void {
  for (const socket of open) socket.close();
}
