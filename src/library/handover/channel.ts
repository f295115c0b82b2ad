// The channel on which the supervisor tells this process of others: of one that takes its place, and is to get its
// connections, and of those whose place it takes. This process makes it, and sends the supervisor one end.

import { closeSync } from "node:fs";
import { native, SOCK_DGRAM } from "../../native/index.js";
import { say } from "../logger.js";
import { CLOSED, closeAll, receive } from "./messages.js";

export interface ChannelListener {
  /** The socket leads to a process that takes this one's place. */
  onSuccessor(fd: number): void;
  /** The socket leads to a process whose place this one takes. */
  onPredecessor(fd: number): void;
}

export class Channel {
  private readonly stop: () => void;

  private constructor(
    private readonly fd: number,
    private readonly listener: ChannelListener,
  ) {
    this.stop = native.watchAside(fd, false, () => this.read());
  }

  /** @returns undefined where nobody hears the offer */
  static open(listener: ChannelListener): Channel | undefined {
    const { NOTIFY_SOCKET } = process.env;
    if (!NOTIFY_SOCKET) return undefined;
    const opened: number[] = [];
    try {
      const [ours, theirs] = native.socketPair();
      opened.push(ours, theirs);
      const notify = native.connectUnix(SOCK_DGRAM, NOTIFY_SOCKET);
      opened.push(notify);
      native.send(notify, "X_ZERODOWN_HANDOVER=1", [theirs]);
      closeAll([theirs, notify]);
      return new Channel(ours, listener);
    } catch (error) {
      closeAll(opened);
      say("debug", `connections will not move to the next generation: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Takes what the supervisor has said so far. */
  read(): void {
    for (let message = receive(this.fd); message !== null; message = receive(this.fd)) {
      if (message === CLOSED) return this.stop();
      const [fd, ...more] = message.fds;
      closeAll(more);
      if (fd === undefined) continue;
      if (message.number("GIVE") === 1) this.listener.onSuccessor(fd);
      else if (message.number("TAKE") === 1) this.listener.onPredecessor(fd);
      else closeSync(fd);
    }
  }
}
