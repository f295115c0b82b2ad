// The control socket waits for clients, and loads the code that serves them with the first one.

import { closeSync } from "node:fs";
import { releaseMemory } from "../linux/memory.js";
import { bindSocket } from "../linux/sockets/bind.js";
import { removeSocketFile } from "../linux/sockets/remove.js";
import { type NativeError, native } from "../native/index.js";
import type { Method } from "./connection.js";

/** How many clients are served at a time; further ones are turned away. */
const CONNECTIONS = 16;

/** How long we accept nobody after accept() has failed, ms. */
const PAUSE = 1000;

/** How long the supervisor's end waits for its clients at most, and for the process of one that has hung up, ms. */
const PATIENCE = 1000;
const END_OF_PROCESS = 20;

export class ControlListener {
  private readonly fd: number;
  private stopWatching: () => void;
  private connections = 0;
  private onAlone: () => void = () => {};

  /**
   * @param path where it is bound, mode 0600; a stale socket there is replaced
   * @param methods what it serves, by qualified name
   * @param onProblem called with a line for people
   * @throws {NativeError} when it can't be bound
   */
  constructor(
    readonly path: string,
    private readonly methods: () => Promise<ReadonlyMap<string, Method>>,
    private readonly onProblem: (what: string) => void,
  ) {
    this.fd = bindSocket(
      { type: "stream", name: undefined, address: { family: "unix", name: path }, text: path },
      0o600,
    );
    this.stopWatching = this.watch();
  }

  /** Calls back once no client is connected any more, with a moment for its process to end; after PATIENCE in any case. */
  whenAlone(callback: () => void): void {
    if (this.connections === 0) return callback();
    this.stopWatching();
    this.stopWatching = () => {};
    this.onAlone = () => setTimeout(callback, END_OF_PROCESS);
    setTimeout(callback, PATIENCE);
  }

  close(): void {
    this.stopWatching();
    closeSync(this.fd);
    removeSocketFile(this.path);
  }

  private watch(): () => void {
    return native.watch(this.fd, false, () => this.accept());
  }

  private accept(): void {
    try {
      const client = native.accept(this.fd);
      if (client) this.admit(client);
    } catch (error) {
      // After EMFILE and the like the client waits in the backlog, and must not make us spin.
      this.onProblem(`the control socket can't accept: ${(error as NativeError).message}`);
      this.stopWatching();
      const timer = setTimeout(() => {
        this.stopWatching = this.watch();
      }, PAUSE);
      this.stopWatching = () => clearTimeout(timer);
    }
  }

  private admit({ fd, uid, pid }: { fd: number; uid: number; pid: number }): void {
    const reason =
      uid !== 0 && uid !== process.geteuid!()
        ? `uid ${uid} is neither ours nor root`
        : this.connections >= CONNECTIONS && `${CONNECTIONS} clients are connected`;
    if (reason) {
      this.onProblem(`the control socket refuses pid ${pid}: ${reason}`);
      closeSync(fd);
      return;
    }
    this.connections++;
    void this.serve(fd);
  }

  private async serve(fd: number): Promise<void> {
    const onClose = () => {
      this.connections--;
      if (this.connections > 0) return;
      releaseMemory();
      this.onAlone();
    };
    try {
      const [{ Connection }, methods] = await Promise.all([import("./connection.js"), this.methods()]);
      new Connection(fd, methods, this.onProblem, onClose);
    } catch (error) {
      this.onProblem(`the control socket cuts a client off: ${(error as Error).stack}`);
      closeSync(fd);
      onClose();
    }
  }
}
