// Descriptors that outlive who made them: FDSTORE=1 in sd_notify(3), seen from the service manager's side. What is stored
// here is passed on to systemd's own store, so that it outlives the supervisor too.

import { closeSync, readlinkSync } from "node:fs";
import { watchAlarm } from "../native/alarm.js";
import { type NativeError, native } from "../native/index.js";
import { isFdName } from "./fd-name.js";
import type { PassedFd } from "./listen-fds.js";

/** Where copies go: systemd, by its notify socket. */
export interface OuterStore {
  storeFd(fd: number, name: string, poll: boolean): void;
  hasStored(name: string): void;
  removeFds(name: string): void;
}

interface Stored extends PassedFd {
  readonly poll: boolean;
  readonly close: () => void;
}

/**
 * How they are named in systemd's store. From there they come back among the sockets, as LISTEN_FDS, and nothing else would
 * tell them from these; nor would anything tell whether FDPOLL=0 came with them.
 */
const OUTER_NAME = /^zerodown\.(poll|keep)\.(.*)$/s;

export class FdStore {
  private readonly stored: Stored[] = [];

  /**
   * @param max how many it holds
   * @param outer gets a copy of each
   * @param onChange called with a line for people
   */
  constructor(
    private readonly max: number,
    private readonly outer: OuterStore,
    private readonly onChange: (what: string) => void,
  ) {}

  /** In the order that they were stored in; of those that were adopted systemd keeps none. */
  get fds(): readonly PassedFd[] {
    return this.stored;
  }

  /**
   * Takes back what an earlier supervisor stored.
   *
   * @param passed what systemd passed to this process
   * @returns the rest: the sockets
   */
  adopt(passed: readonly PassedFd[]): PassedFd[] {
    const sockets: PassedFd[] = [];
    for (const { fd, name } of passed) {
      const [, kind, ownName] = OUTER_NAME.exec(name) ?? [];
      if (ownName === undefined) {
        sockets.push({ fd, name });
        continue;
      }
      this.outer.hasStored(name);
      try {
        this.keep(fd, ownName, kind === "poll");
      } catch (error) {
        this.onChange(`"${ownName}", which systemd stored, is lost: ${(error as NativeError).message}`);
      }
    }
    return sockets;
  }

  /**
   * Stores copies of descriptors; those that are stored already it leaves out.
   *
   * @param poll drops them when they hang up
   * @param onProblem called with a line for people for each that can't be stored
   */
  add(fds: readonly number[], name: string, poll: boolean, onProblem: (what: string) => void): void {
    for (const fd of fds) {
      try {
        if (this.stored.some(other => native.sameFile(other.fd, fd))) continue;
        if (this.stored.length >= this.max) return onProblem(this.fullText());
        // An event loop is of no use to another process, and a service that gets one by LISTEN_FDS takes it for its own.
        if (readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[eventpoll]") {
          onProblem(`"${name}" is not stored: an epoll instance can't be passed on`);
          continue;
        }
        this.store(fd, name, poll, onProblem);
      } catch (error) {
        onProblem(`"${name}" is not stored: ${(error as NativeError).message}`);
      }
    }
  }

  /** Forgets all of that name. */
  remove(name: string): void {
    const gone = this.stored.filter(other => other.name === name);
    for (const stored of gone) this.drop(stored, "removed");
    for (const outerName of new Set(gone.map(toOuterName))) this.outer.removeFds(outerName);
  }

  private store(fd: number, name: string, poll: boolean, onProblem: (what: string) => void): void {
    const stored = this.keep(native.duplicate(fd), name, poll);
    this.onChange(`"${name}" stored, ${this.stored.length} of ${this.max}`);
    const outerName = toOuterName(stored);
    if (isFdName(outerName)) this.outer.storeFd(fd, outerName, poll);
    else onProblem(`"${name}" is not stored by systemd, too: with zerodown's prefix the name is too long`);
  }

  /** @param fd is its own from now on, and closed even when this throws */
  private keep(fd: number, name: string, poll: boolean): Stored {
    try {
      const unwatch = poll ? this.watch(fd) : () => {};
      const close = () => {
        unwatch();
        closeSync(fd);
      };
      const stored = { fd, name, poll, close };
      this.stored.push(stored);
      return stored;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  private watch(fd: number): () => void {
    try {
      return watchAlarm(fd, () => this.drop(this.stored.find(other => other.fd === fd)!, "hung up, dropped"));
    } catch (error) {
      // A file, say, never hangs up.
      if ((error as NativeError).code === "EPERM") return () => {};
      throw error;
    }
  }

  private drop(stored: Stored, what: string): void {
    this.stored.splice(this.stored.indexOf(stored), 1);
    stored.close();
    this.onChange(`"${stored.name}" ${what}, ${this.stored.length} of ${this.max}`);
  }

  private fullText(): string {
    return this.max === 0
      ? "nothing is stored: --fdstore-max, else $FDSTORE, says how much may be"
      : `not all is stored: the store is full (--fdstore-max ${this.max})`;
  }
}

function toOuterName({ name, poll }: Pick<Stored, "name" | "poll">): string {
  return `zerodown.${poll ? "poll" : "keep"}.${name}`;
}
