// A connected stream socket, read and written without node:net: that would cost a supervisor 0.5 MB from its first client on, and
// this client 12 ms.

import { closeSync, readSync, writeSync } from "node:fs";
import { type NativeError, native } from "../../native/index.js";

const READ_BYTES = 64 * 1024;

export interface StreamEvents {
  onData(data: Buffer): void;
  /** The other side writes no more, but may still read. */
  onEnd(): void;
  /** It is closed, by close() or by an error; comes once, never out of a call. */
  onClose(): void;
}

export class Stream {
  private stopReading: (() => void) | undefined;
  /** While the other side leaves something unread: how that ends, and another descriptor to wait with, for one can be watched once. */
  private waiting: { readonly fd: number; readonly stop: () => void } | undefined;
  private unsent: Buffer[] = [];
  private whenSent: (() => void)[] = [];
  private closesWhenSent = false;
  isEnded = false;
  isClosed = false;

  /** @param fd non-blocking; it is this object's own from now on */
  constructor(
    private readonly fd: number,
    private readonly events: StreamEvents,
  ) {
    this.stopReading = native.watch(fd, false, () => this.read());
  }

  /** How many bytes the kernel hasn't taken yet. */
  get unsentBytes(): number {
    return this.unsent.reduce((sum, { length }) => sum + length, 0);
  }

  /** Sends it in order, later where the other side doesn't read. Of no bytes: closes the stream where the other side is gone. */
  write(text: string): void {
    if (this.isClosed) return;
    this.unsent.push(Buffer.from(text));
    if (!this.waiting) this.flush();
  }

  /** Resolves when all that was written so far is sent, or the stream is closed. */
  async flushed(): Promise<void> {
    if (this.isClosed || !this.waiting) return;
    return new Promise(resolve => this.whenSent.push(resolve));
  }

  /** Closes it when all is sent. */
  end(): void {
    this.closesWhenSent = true;
    if (!this.waiting) this.close();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.unsent = [];
    this.stopReading?.();
    this.sent();
    closeSync(this.fd);
    queueMicrotask(() => this.events.onClose());
  }

  private read(): void {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    try {
      const length = readSync(this.fd, buffer);
      if (length > 0) return this.events.onData(buffer.subarray(0, length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") this.close();
      return;
    }
    this.isEnded = true;
    this.stopReading?.();
    this.stopReading = undefined;
    this.events.onEnd();
  }

  private flush(): void {
    try {
      for (let next = this.unsent[0]; next; next = this.unsent[0]) {
        const length = writeSync(this.fd, next);
        if (length < next.length) this.unsent[0] = next.subarray(length);
        else this.unsent.shift();
      }
      this.sent();
      if (this.closesWhenSent) this.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") this.waitForRoom();
      else this.close();
    }
  }

  private waitForRoom(): void {
    if (this.waiting) return;
    try {
      const fd = native.duplicate(this.fd);
      try {
        this.waiting = { fd, stop: native.watch(fd, true, () => this.flush()) };
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    } catch (error) {
      if ((error as NativeError).code === undefined) throw error;
      // It lacks descriptors or memory, and this client is slow.
      this.close();
    }
  }

  /** Nothing has to wait any more. */
  private sent(): void {
    if (this.waiting) {
      this.waiting.stop();
      closeSync(this.waiting.fd);
      this.waiting = undefined;
    }
    for (const resolve of this.whenSent.splice(0)) resolve();
  }
}
