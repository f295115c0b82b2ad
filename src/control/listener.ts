// The control socket waits for clients, and loads the code that serves them with the first one.

import { closeSync } from "node:fs";
import { releaseMemory } from "../linux/memory.js";
import { bindSocket } from "../linux/sockets/bind.js";
import { removeSocketFile } from "../linux/sockets/remove.js";
import { type NativeError, native } from "../native/index.js";
import type { Connection, Method, SavedConnection } from "./connection.js";

/** How many clients are served at a time; further ones are turned away. */
const CONNECTIONS = 16;

/** How long we accept nobody after accept() has failed, ms. */
const PAUSE = 1000;

/** How long the supervisor's end waits for its clients at most, and for the process of one that has hung up, ms. */
const PATIENCE = 1000;
const END_OF_PROCESS = 20;

/** The methods that are served, by qualified name. */
type Methods = () => Promise<ReadonlyMap<string, Method>>;

/** What it takes to go on with a control socket: plain data, which JSON can hold. */
export interface SavedListener {
  readonly fd: number;
  readonly path: string;
  readonly clients: readonly SavedConnection[];
}

interface Client {
  readonly admitted: SavedConnection;
  /** undefined until the code that serves it is loaded. */
  connection?: Connection;
}

export class ControlListener {
  readonly path: string;
  private readonly fd: number;
  private stopWatching: () => void;
  private readonly clients = new Set<Client>();
  private onAlone: () => void = () => {};

  private constructor(
    { fd, path }: Omit<SavedListener, "clients">,
    private readonly methods: Methods,
    private readonly onProblem: (what: string) => void,
  ) {
    this.path = path;
    this.fd = fd;
    this.stopWatching = this.watch();
  }

  /**
   * @param path where it is bound, mode 0600; a stale socket there is replaced
   * @param onProblem called with a line for people
   * @throws {NativeError} when it can't be bound
   */
  static bind(path: string, methods: Methods, onProblem: (what: string) => void): ControlListener {
    const address = { family: "unix", name: path } as const;
    const fd = bindSocket({ type: "stream", name: undefined, address, text: path }, { mode: 0o600 });
    return new ControlListener({ fd, path }, methods, onProblem);
  }

  /** Goes on with one that was bound before, with its clients, and with those that wait in its backlog. */
  static adopt(saved: SavedListener, methods: Methods, onProblem: (what: string) => void): ControlListener {
    const listener = new ControlListener(saved, methods, onProblem);
    for (const client of saved.clients) void listener.serve(client);
    return listener;
  }

  save(): SavedListener {
    const clients = [...this.clients].map(({ admitted, connection }) => (connection ? connection.save() : admitted));
    return { fd: this.fd, path: this.path, clients: clients.filter(client => client !== undefined) };
  }

  /** Resolves when the clients have what they were sent so far; after PATIENCE in any case. */
  async flushed(): Promise<void> {
    const all = Promise.all([...this.clients].map(({ connection }) => connection?.flushed()));
    await Promise.race([all, new Promise(resolve => setTimeout(resolve, PATIENCE).unref())]);
  }

  /** Calls back once no client is connected any more, with a moment for its process to end; after PATIENCE in any case. */
  whenAlone(callback: () => void): void {
    if (this.clients.size === 0) return callback();
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
        : this.clients.size >= CONNECTIONS && `${CONNECTIONS} clients are connected`;
    if (reason) {
      this.onProblem(`the control socket refuses pid ${pid}: ${reason}`);
      closeSync(fd);
      return;
    }
    void this.serve({ fd, left: "", calls: [] });
  }

  private async serve(admitted: SavedConnection): Promise<void> {
    const client: Client = { admitted };
    this.clients.add(client);
    const onClose = () => {
      this.clients.delete(client);
      if (this.clients.size > 0) return;
      releaseMemory();
      this.onAlone();
    };
    try {
      const [{ Connection }, methods] = await Promise.all([import("./connection.js"), this.methods()]);
      client.connection = new Connection(admitted, methods, this.onProblem, onClose);
    } catch (error) {
      this.onProblem(`the control socket cuts a client off: ${(error as Error).stack}`);
      closeSync(admitted.fd);
      onClose();
    }
  }
}
