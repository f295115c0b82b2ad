// A process that takes this one's place, and this one's connections.

import { closeSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";
import { native } from "../../native/index.js";
import { hold, requestsOn } from "./connection.js";
import { CLOSED, receive } from "./messages.js";

/** A connection, the server that has it, and the index of that one's socket in LISTEN_FDS. */
export interface Kept {
  readonly socket: Socket;
  readonly server: HttpServer;
  readonly index: number;
}

export interface SuccessorListener {
  /** It has taken something, or can take more. */
  onRoom(): void;
  /** It doesn't take these. */
  onReturn(kept: readonly Kept[]): void;
  /** It takes nothing more, and has answered all that it was given. */
  onEnd(): void;
}

/** How many messages may be on their way: its requests under way are not to wait for thousands of connections. */
const MESSAGES = 4;

/**
 * How long it may leave a message without an answer, ms. Then connections are told to close, so that each client knows before the
 * grace for idle ones is over: that is a second longer than what clients were promised.
 */
const PATIENCE = 1000;

export class Successor {
  private readonly stop: () => void;
  /** What each message on its way brings. */
  private readonly sent: (readonly Kept[])[] = [];
  /** How many connections it has; undefined while it has not said whether it takes any. */
  private open: number | undefined;
  private hasRefused = false;
  private hasEnded = false;
  /** Since when it owes an answer. */
  private owesSince: number | undefined = performance.now();

  constructor(
    private readonly fd: number,
    private readonly listener: SuccessorListener,
  ) {
    this.stop = native.watchAside(fd, false, () => this.read());
  }

  get hasRoom(): boolean {
    return this.open !== undefined && this.takes && this.sent.length < MESSAGES;
  }

  /** Whether it may take more, now or later. */
  get takes(): boolean {
    return !this.hasRefused && !this.hasEnded;
  }

  /** Whether it is stopped, hangs, or has too much to do. Once it says something it can take connections again. */
  get isSilent(): boolean {
    return this.owesSince !== undefined && performance.now() - this.owesSince >= PATIENCE;
  }

  /** How many connections it has, with those on their way. */
  get size(): number {
    return (this.open ?? 0) + this.sent.flat().length;
  }

  /** @param batch idle ones of one server */
  give(batch: readonly Kept[]): void {
    const requests = batch.map(({ socket }) => requestsOn(socket)).join(" ");
    const fds = batch.map(({ socket }) => hold(socket));
    try {
      native.send(this.fd, `SOCKET=${batch[0]!.index}\nREQUESTS=${requests}`, fds);
      this.sent.push(batch);
      this.owesSince ??= performance.now();
    } catch {
      // It has ended, or the kernel lets no more descriptors be under way (ETOOMANYREFS in unix(7)).
      this.refuse(batch);
    }
  }

  private refuse(batch: readonly Kept[]): void {
    this.hasRefused = true;
    this.listener.onReturn(batch);
    if (this.sent.length === 0) this.end();
  }

  private read(): void {
    while (!this.hasEnded) {
      const message = receive(this.fd);
      if (message === null) break;
      if (message === CLOSED) return this.end();
      this.open = message.number("OPEN") ?? 0;
      this.heard(message.number("TAKEN"));
      this.owesSince = this.sent.length > 0 ? performance.now() : undefined;
    }
    if (!this.hasEnded) this.listener.onRoom();
  }

  /** @param taken undefined for what makes no sense */
  private heard(taken: number | undefined): void {
    const batch = this.sent[0];
    // The first message of all only says that it takes some.
    if (!batch) return;
    if (taken === undefined) return this.end();
    this.sent.shift();
    for (const { socket } of batch.slice(0, taken)) socket.destroy();
    if (taken < batch.length) this.refuse(batch.slice(taken));
    else if (this.hasRefused && this.sent.length === 0) this.end();
  }

  private end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.stop();
    closeSync(this.fd);
    // It has not taken these, or it would have said so.
    this.listener.onReturn(this.sent.splice(0).flat());
    this.listener.onEnd();
  }
}
