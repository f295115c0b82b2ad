// The socket on which one generation notifies us: sd_notify(3), seen from the service manager's side.

import { chmodSync, closeSync } from "node:fs";
import { removeSocketFile } from "../../linux/sockets/remove.js";
import { type Message, type NativeError, native, SOCK_DGRAM } from "../../native/index.js";
import { type NotifyMessage, parseNotifyMessage } from "./notify-message.js";

/** Messages taken in one go, so that a flood leaves the event loop time for all else. */
const BATCH = 64;
/** Messages taken when the generation is gone: more than the kernel queues (net.unix.max_dgram_qlen). */
const LAST_BATCH = 1024;

export class NotifySocket {
  private readonly fd: number;
  private readonly stopWatching: () => void;
  private readonly complaints = new Set<string>();

  /**
   * @param path where to bind it
   * @param onMessage called for each well-formed message from a process of our own user or root; the descriptors that came
   * with it are closed when it returns
   * @param onProblem called with a line for people, once for each kind, when messages are dropped or not heeded
   * @param isMember whether a process may send
   * @param watch the addon's, or one like it
   * @throws {NativeError} when it can't be bound
   */
  constructor(
    readonly path: string,
    private readonly onMessage: (message: NotifyMessage, fds: readonly number[]) => void,
    private readonly onProblem: (what: string) => void,
    private readonly isMember: (pid: number) => boolean,
    watch: typeof native.watch,
  ) {
    removeSocketFile(path);
    this.fd = native.bindUnix(SOCK_DGRAM, path);
    try {
      chmodSync(path, 0o600);
      native.passCredentials(this.fd);
      this.stopWatching = watch(this.fd, false, () => this.read(BATCH));
    } catch (error) {
      closeSync(this.fd);
      removeSocketFile(path);
      throw error;
    }
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
    if (!this.isMember(pid)) return this.drop("an outsider", `from pid ${pid}, which is not in its cgroup`);
    if (truncated) {
      return this.drop("too large", `from pid ${pid}: longer than 4096 bytes, or with too many descriptors`);
    }
    const parsed = parseNotifyMessage(data);
    if (parsed === null)
      return this.drop("malformed", `from pid ${pid}: a NUL byte in it, or a single backslash at its end`);
    this.onMessage(parsed, fds);
  }

  private drop(kind: string, why: string): void {
    this.complain(kind, `a notification was dropped: ${why}`);
  }

  /** Once for each kind: a flood makes one line. */
  complain(kind: string, what: string): void {
    if (!this.complaints.has(kind)) this.onProblem(what);
    this.complaints.add(kind);
  }
}
