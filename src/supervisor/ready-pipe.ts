// The pipe of --ready fd: an app that writes a newline into it is ready.

import { closeSync, readSync } from "node:fs";
import { native } from "../native/index.js";

export class ReadyPipe {
  private readonly stopWatching: () => void;

  private constructor(
    /** The end that the supervisor reads. */
    readonly reader: number,
    private readonly onReady: () => void,
    watch: typeof native.watch,
  ) {
    this.stopWatching = watch(reader, false, () => this.read());
  }

  /** @returns the pipe, and the end that the child writes to, for the caller to close */
  static open(onReady: () => void, watch: typeof native.watch): [ReadyPipe, number] {
    const [reader, writer] = native.pipe();
    try {
      return [new ReadyPipe(reader, onReady, watch), writer];
    } catch (error) {
      for (const fd of [reader, writer]) closeSync(fd);
      throw error;
    }
  }

  /** Goes on with one that was opened before, and with what is in it. */
  static adopt(reader: number, onReady: () => void, watch: typeof native.watch): ReadyPipe {
    return new ReadyPipe(reader, onReady, watch);
  }

  close(): void {
    this.stopWatching();
    closeSync(this.reader);
  }

  private read(): void {
    const bytes = Buffer.alloc(4096);
    const length = readSync(this.reader, bytes);
    if (bytes.subarray(0, length).includes("\n")) this.onReady();
    // Read to its end, so that an app that writes more gets no SIGPIPE.
    if (length === 0) this.stopWatching();
  }
}
