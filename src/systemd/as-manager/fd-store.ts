// Descriptors that outlive who made them: FDSTORE=1 in sd_notify(3), seen from the service manager's side. What is
// stored here is passed on to systemd's own store, so that it outlives the supervisor too.

import { maxOpenFiles } from "../../linux/limits.js";
import { isEpoll } from "../../linux/proc.js";
import { watchAlarm } from "../../native/alarm.js";
import { type NativeError, native } from "../../native/index.js";
import type { PassedFd } from "../as-service/listen-fds.js";
import { isFdName } from "../formats/fd-name.js";

/** Where copies go: systemd, by its notify socket. */
export interface OuterStore {
  storeFd(fd: number, name: string, poll: boolean): void;
  /** Something of that name is there already. */
  hasStored(name: string): void;
  /** All descriptors of that name have hung up. */
  hasLost(name: string): void;
  removeFds(name: string): void;
}

/** systemd's default soft limit: what holds where ours can't be read. */
const USUAL_FILE_LIMIT = 1024;

interface Stored extends PassedFd {
  readonly poll: boolean;
  /** That of the worker that stored it; 0 where the generation is one process. */
  readonly slot: number;
  /** Descriptors of one open file have the same one. */
  readonly inode: string;
  readonly close: () => void;
}

/** Called with what is wrong, once for each kind, and a line for people. */
type OnProblem = (kind: string, what: string) => void;

/** What is said of it by who stores it. */
type Facts = Pick<Stored, "name" | "poll" | "slot">;

/** Whose they are: what the workers of one slot stored, or of several slots where there are fewer now. */
export interface Owner {
  readonly slot: number;
  readonly workers: number;
}

const ALONE: Owner = { slot: 0, workers: 1 };

/**
 * How they are named in systemd's store. From there they come back among the sockets, as LISTEN_FDS, and nothing else
 * would tell them from these; nor would anything tell which slot they are of (none is 0), and whether FDPOLL=0 ("-") came
 * with them.
 */
const OUTER_NAME = /^zd(\d*)([+-])(.*)$/s;
/** The names of all go into one variable, LISTEN_FDNAMES, and the kernel lets none be longer than 128 KiB. */
const NAMES_BYTES = 100_000;
/** Descriptors that the supervisor needs for itself; those that are watched take two each. */
const OWN_FDS = 100;

export class FdStore {
  private readonly stored: Stored[] = [];
  private sockets: readonly PassedFd[] = [];
  private readonly max: number;

  /**
   * @param wanted how many it is to hold
   * @param outer gets a copy of each
   * @param onChange called with a line for people
   */
  constructor(
    wanted: number,
    private readonly outer: OuterStore,
    private readonly onChange: (what: string) => void,
  ) {
    this.max =
      wanted === 0
        ? 0
        : Math.max(0, Math.min(wanted, Math.floor(((maxOpenFiles() ?? USUAL_FILE_LIMIT) - OWN_FDS) / 2)));
    if (this.max < wanted) onChange(`it holds ${this.max}, not ${wanted}, for want of descriptors (LimitNOFILE=)`);
  }

  /**
   * Returns them in the order in which they were stored. Adopted ones come in any order, because systemd keeps none.
   */
  get fds(): readonly PassedFd[] {
    return this.stored;
  }

  /** Those that a worker gets, in that order. */
  fdsOf(owner: Owner): readonly PassedFd[] {
    return this.stored.filter(stored => isOf(stored, owner));
  }

  /** What adopt() takes back: all that is stored, named as in systemd's store. */
  save(): PassedFd[] {
    return this.stored.map(stored => ({ fd: stored.fd, name: toOuterName(stored) }));
  }

  /**
   * Takes back what an earlier supervisor stored.
   *
   * @param passed what systemd passed to this process, or what save() returned to that supervisor
   * @returns the rest: the sockets
   */
  adopt(passed: readonly PassedFd[]): PassedFd[] {
    const sockets: PassedFd[] = [];
    for (const { fd, name } of passed) {
      const [, slot, kind, ownName] = OUTER_NAME.exec(name) ?? [];
      if (ownName === undefined) {
        sockets.push({ fd, name });
        continue;
      }
      this.outer.hasStored(name);
      try {
        this.keep(fd, { name: ownName, poll: kind === "+", slot: Number(slot) });
      } catch (error) {
        this.onChange(`"${ownName}", which systemd stored, is lost: ${(error as NativeError).message}`);
      }
    }
    return sockets;
  }

  /** These every generation gets anyway: they are never stored. */
  leaveOut(sockets: readonly PassedFd[]): void {
    this.sockets = sockets;
  }

  /**
   * Stores copies of descriptors; those that every generation gets already it leaves out.
   *
   * @param facts `poll` drops them when they hang up
   * @param onProblem called for what can't be stored
   */
  add(fds: readonly number[], facts: Facts, onProblem: OnProblem): void {
    for (const fd of fds) {
      try {
        this.addOne(fd, facts, onProblem);
      } catch (error) {
        onProblem("storing", `"${facts.name}" is not stored: ${(error as NativeError).message}`);
      }
    }
  }

  /** Forgets all of that name that are the owner's. */
  remove(name: string, owner = ALONE): void {
    const gone = this.stored.filter(other => other.name === name && isOf(other, owner));
    for (const stored of gone) this.drop(stored, "removed");
    for (const outerName of new Set(gone.map(toOuterName))) this.outer.removeFds(outerName);
  }

  private addOne(fd: number, facts: Facts, onProblem: OnProblem): void {
    const { name } = facts;
    const inode = native.describeFile(fd).id;
    const isThere = (other: PassedFd) => native.describeFile(other.fd).id === inode && isSameFile(other.fd, fd);
    if (this.stored.some(other => other.inode === inode && isSameFile(other.fd, fd))) return;
    if (this.sockets.some(isThere)) return;
    if (this.stored.length >= this.max) return onProblem("full", this.fullText());
    const bytes = this.stored.reduce((sum, other) => sum + toOuterName(other).length + 1, name.length);
    if (bytes > NAMES_BYTES) {
      return onProblem(
        "full",
        `not all is stored: with more names LISTEN_FDNAMES would be longer than the kernel allows`,
      );
    }
    // An event loop is of no use to another process, and a service that gets one by LISTEN_FDS takes it for its own.
    if (isEpoll(fd)) {
      return onProblem("epoll", `"${name}" is not stored: an epoll instance can't be passed on`);
    }
    const stored = this.keep(native.duplicate(fd), facts);
    this.onChange(`"${name}" stored, ${this.stored.length} of ${this.max}`);
    this.storeOutside(stored, onProblem);
  }

  private storeOutside(stored: Stored, onProblem: OnProblem): void {
    const name = toOuterName(stored);
    try {
      if (!isFdName(name)) throw new Error("with zerodown's prefix its name is too long");
      this.outer.storeFd(stored.fd, name, stored.poll);
    } catch (error) {
      onProblem("outside", `"${stored.name}" is not stored by systemd, too: ${(error as Error).message}`);
    }
  }

  /** @param fd is its own from now on, and closed even when this throws */
  private keep(fd: number, facts: Facts): Stored {
    try {
      const unwatch = facts.poll ? this.watch(fd) : () => {};
      const close = () => {
        unwatch();
        native.closeAside(fd);
      };
      const stored = { ...facts, fd, inode: native.describeFile(fd).id, close };
      this.stored.push(stored);
      return stored;
    } catch (error) {
      native.closeAside(fd);
      throw error;
    }
  }

  private watch(fd: number): () => void {
    // A file never hangs up, and to poll one of a FUSE file system is to wait for its server.
    if (/^(file|directory)$/.test(native.describeFile(fd).type)) return () => {};
    try {
      return watchAlarm(fd, () => this.hungUp(this.stored.find(other => other.fd === fd)!));
    } catch (error) {
      // A descriptor of this kind can't be polled.
      if ((error as NativeError).code === "EPERM") return () => {};
      throw error;
    }
  }

  /** systemd has noticed, too. */
  private hungUp(stored: Stored): void {
    this.drop(stored, "hung up, dropped");
    const name = toOuterName(stored);
    if (!this.stored.some(other => toOuterName(other) === name)) this.outer.hasLost(name);
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

function toOuterName({ name, poll, slot }: Facts): string {
  return `zd${slot || ""}${poll ? "+" : "-"}${name}`;
}

function isOf(stored: Stored, { slot, workers }: Owner): boolean {
  return stored.slot % workers === slot % workers;
}

/** Compares descriptors with the same inode, because all that have no inode of their own share one. */
function isSameFile(a: number, b: number): boolean {
  try {
    return native.sameFile(a, b);
  } catch {
    // Where that can't be told, twice is better than never.
    return false;
  }
}
