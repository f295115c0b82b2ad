// The socket on which one generation notifies us: sd_notify(3), seen from the service manager's side.

import { chmodSync, closeSync } from "node:fs";
import { removeSocketFile } from "../../linux/sockets/remove.js";
import { type Message, type NativeError, native, SOCK_DGRAM } from "../../native/index.js";
import { type NotifyMessage, parseNotifyMessage } from "./notify-message.js";

/** Messages taken in one go, so that a flood leaves the event loop time for all else. */
const BATCH = 64;
/** Messages taken when the generation is gone: more than the kernel queues (net.unix.max_dgram_qlen). */
const LAST_BATCH = 1024;

/** Whom a notify socket tells of what it hears, and whom it listens to. */
export interface NotifyListener {
  /** Called for each well-formed message; the descriptors that came with it are closed when it returns. */
  onMessage(message: NotifyMessage, fds: readonly number[]): void;
  /** Called with a line for people, once for each kind, when messages are dropped or not heeded. */
  onProblem(what: string): void;
  /** Whether a process of our own user or root may send; others may not. */
  isMember(pid: number): boolean;
}

/** What it takes to go on with a notify socket: plain data, which JSON can hold. */
export interface SavedNotifySocket {
  readonly fd: number;
  readonly path: string;
  /** The kinds of problems that were told of. */
  readonly complaints: readonly string[];
}

export class NotifySocket {
  readonly path: string;
  private readonly fd: number;
  private readonly complaints: Set<string>;
  private readonly stopWatching: () => void;

  private constructor(
    { fd, path, complaints }: SavedNotifySocket,
    private readonly listener: NotifyListener,
    watch: typeof native.watch,
  ) {
    this.path = path;
    this.fd = fd;
    this.complaints = new Set(complaints);
    this.stopWatching = watch(fd, false, () => this.read(BATCH));
  }

  /**
   * @param path where to bind it
   * @param watch the addon's, or one like it
   * @throws {NativeError} when it can't be bound
   */
  static bind(path: string, listener: NotifyListener, watch: typeof native.watch): NotifySocket {
    removeSocketFile(path);
    const fd = native.bindUnix(SOCK_DGRAM, path);
    try {
      chmodSync(path, 0o600);
      native.passCredentials(fd);
      return new NotifySocket({ fd, path, complaints: [] }, listener, watch);
    } catch (error) {
      closeSync(fd);
      removeSocketFile(path);
      throw error;
    }
  }

  /** Goes on with one that was bound before, and with what is queued in it. */
  static adopt(saved: SavedNotifySocket, listener: NotifyListener, watch: typeof native.watch): NotifySocket {
    return new NotifySocket(saved, listener, watch);
  }

  save(): SavedNotifySocket {
    return { fd: this.fd, path: this.path, complaints: [...this.complaints] };
  }

  /** Takes what is still queued. */
  drain(): void {
    this.read(LAST_BATCH);
  }

  close(): void {
    this.stopWatching();
    closeSync(this.fd);
    removeSocketFile(this.path);
  }

  private read(limit: number): void {
    for (let count = 0; count < limit; count++) {
      const message = native.receive(this.fd);
      if (message === null) return;
      try {
        this.take(message);
      } finally {
        // A BARRIER=1 waits for this: what came before it is processed.
        for (const fd of message.fds) this.closeReceived(fd);
      }
    }
  }

  private closeReceived(fd: number): void {
    try {
      native.closeAside(fd);
    } catch (error) {
      // Linux has closed it all the same (close(2)).
      this.complain("closing", `closing a descriptor that came with a notification: ${(error as NativeError).message}`);
    }
  }

  private take(message: Message): void {
    const { uid, pid, truncated, data, fds } = message;
    if (uid !== 0 && uid !== process.geteuid!()) {
      return this.drop("a stranger", `from uid ${uid} (pid ${pid}), which is neither ours nor root`);
    }
    if (!this.listener.isMember(pid)) return this.drop("an outsider", `from pid ${pid}, which is not in its cgroup`);
    if (truncated) {
      return this.drop("too large", `from pid ${pid}: longer than 4096 bytes, or with too many descriptors`);
    }
    const parsed = parseNotifyMessage(data);
    if (parsed === null)
      return this.drop("malformed", `from pid ${pid}: a NUL byte in it, or a single backslash at its end`);
    this.listener.onMessage(parsed, fds);
  }

  private drop(kind: string, why: string): void {
    this.complain(kind, `a notification was dropped: ${why}`);
  }

  /** Once for each kind: a flood makes one line. */
  complain(kind: string, what: string): void {
    if (!this.complaints.has(kind)) this.listener.onProblem(what);
    this.complaints.add(kind);
  }
}
