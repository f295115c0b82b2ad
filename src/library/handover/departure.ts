// At the stop the connections of this process go to those that take its place: each when it is idle.

import type { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";
import { goOn, idleParsers, isIdle, mayMove, whenRequestEnds } from "./connection.js";
import { type Kept, Successor } from "./successor.js";

/** What the drain of one server asks. */
export interface Moves {
  /** Whether the connection is to move when it is idle, as things stand. */
  willMove(socket: Socket): boolean;
  /** It may be idle now, or soon. */
  consider(socket: Socket): void;
  /** Whether the connection was given to another process, which has not answered yet, or has taken it. */
  isOnItsWay(socket: Socket): boolean;
}

/** How many connections go in one message. */
const BATCH = 16;

export class Departure {
  private readonly successors = new Set<Successor>();
  /** Those that may be idle. */
  private readonly waiting = new Map<Socket, Kept>();
  /** Those that are on their way, or were taken. */
  private readonly given = new WeakSet<Socket>();
  private isDue = false;

  /** All of a server's connections are considered again when there is somebody to take them. */
  private readonly all: (() => void)[] = [];

  add(fd: number): void {
    const successor = new Successor(fd, {
      onRoom: () => this.moveSoon(),
      onReturn: kept => this.takeBack(kept),
      onEnd: () => this.successors.delete(successor),
    });
    this.successors.add(successor);
    for (const consider of this.all) consider();
  }

  of(server: HttpServer, index: number, sockets: ReadonlySet<Socket>): Moves {
    const consider = (socket: Socket) => this.consider({ socket, server, index });
    const considerAll = () => {
      for (const socket of sockets) consider(socket);
    };
    this.all.push(considerAll);
    considerAll();
    return {
      willMove: socket => this.willMove(socket),
      consider,
      isOnItsWay: socket => this.given.has(socket),
    };
  }

  private willMove(socket: Socket): boolean {
    return [...this.successors].some(({ takes, isSilent }) => takes && !isSilent) && mayMove(socket);
  }

  private consider(kept: Kept): void {
    if (this.given.has(kept.socket) || !this.hasTakers || !mayMove(kept.socket)) return;
    this.waiting.set(kept.socket, kept);
    this.moveSoon();
  }

  private get hasTakers(): boolean {
    return [...this.successors].some(({ takes }) => takes);
  }

  /** Not at once: a parser that is at work may have more in its hands. */
  private moveSoon(): void {
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.move();
    });
  }

  private move(): void {
    const idle = new Map<HttpServer, ReadonlySet<unknown>>();
    for (let to = this.emptiest(); to; to = this.emptiest()) {
      const batch = this.nextBatch(server => {
        const known = idle.get(server) ?? idleParsers(server) ?? new Set();
        idle.set(server, known);
        return known;
      });
      if (batch.length === 0) return;
      for (const { socket } of batch) this.given.add(socket);
      to.give(batch);
    }
  }

  private emptiest(): Successor | undefined {
    const [first] = [...this.successors].filter(({ hasRoom }) => hasRoom).sort((one, other) => one.size - other.size);
    return first;
  }

  /** Idle ones of one server. Those that aren't are considered again when their request, or a response, has ended. */
  private nextBatch(idleOf: (server: HttpServer) => ReadonlySet<unknown>): Kept[] {
    const size = this.successors.size > 1 ? 1 : BATCH;
    const batch: Kept[] = [];
    for (const [socket, kept] of this.waiting) {
      if (batch.length === size) break;
      if (batch[0] && batch[0].index !== kept.index) continue;
      this.waiting.delete(socket);
      if (isIdle(socket, idleOf(kept.server))) batch.push(kept);
      else whenRequestEnds(socket, () => this.consider(kept));
    }
    return batch;
  }

  private takeBack(kept: readonly Kept[]): void {
    for (const one of kept) {
      this.given.delete(one.socket);
      goOn(one.server, one.socket);
      // There may be another one that takes it. Otherwise it drains.
      this.consider(one);
    }
  }
}
