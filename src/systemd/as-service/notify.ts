// Telling systemd: sd_notify(3), seen from the service's side.

import { closeSync } from "node:fs";
import { createRequire } from "node:module";
import { type NativeError, native, SOCK_DGRAM } from "../../native/index.js";

/** Sends one message on the connected socket, or to $NOTIFY_SOCKET; throws EAGAIN when the receiver's queue is full. */
export type Transport = (fd: number, message: string) => void;

/** The addon's own sender. */
export const sendByAddon: Transport = (fd, message) => native.send(fd, message, []);

/** libsystemd's, through the package sd-notify; undefined where that isn't installed or doesn't load. */
export function sendByLibrary(): Transport | undefined {
  try {
    const { sendState } = createRequire(import.meta.url)("sd-notify") as { sendState(message: string): void };
    return (fd, message) => {
      // libsystemd blocks on a full queue, and keeps its errors to itself.
      if (!native.writable(fd)) throw Object.assign(new Error("the receiver's queue is full"), { code: "EAGAIN" });
      sendState(message);
    };
  } catch {
    return undefined;
  }
}

/** Messages kept while systemd doesn't take any; beyond that the oldest go, those that change its state last. */
const QUEUE_LENGTH = 64;
const STATE = /^(?:READY|RELOADING|STOPPING)=1$/m;

/** ms */
const RETRY_AFTER = 500;

/** These errors say that something is used up; there may be more of it later. */
const LACKING = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ETOOMANYREFS"]);

interface Queued {
  readonly text: string;
  /** A descriptor that goes with the message, and is closed then. */
  readonly fd?: number;
  /** The FDNAME= that the message stores or removes. */
  readonly name?: string;
}

/** What it takes to go on with a notifier: plain data, which JSON can hold. */
export interface SavedNotifier {
  readonly queue: readonly Queued[];
  readonly stored: readonly string[];
  readonly complained: boolean;
}

/** Sends to $NOTIFY_SOCKET, in order, never blocking and never throwing. Without $NOTIFY_SOCKET it does nothing. */
export class Notifier {
  private readonly address: string;
  private transport: Transport | undefined;
  private readonly queue: Queued[] = [];
  /** The names in systemd's fd store that came from here. */
  private readonly stored = new Set<string>();
  /** Open while the queue waits for room at the receiver. */
  private waiting: { fd: number; stop: () => void } | undefined;
  private retry: NodeJS.Timeout | undefined;
  private complained = false;

  /**
   * @param environment NOTIFY_SOCKET is read: a path or an @abstract name
   * @param onProblem called once, with a line for people, when messages don't get through
   * @param transport for tests; by default sd-notify where it loads, else the addon
   */
  constructor(
    environment: NodeJS.ProcessEnv,
    private readonly onProblem: (why: string) => void,
    transport?: Transport,
  ) {
    this.address = environment.NOTIFY_SOCKET ?? "";
    this.transport = transport;
  }

  save(): SavedNotifier {
    return { queue: this.queue, stored: [...this.stored], complained: this.complained };
  }

  /** Goes on where another one has stopped, before anything is said. */
  adopt({ queue, stored, complained }: SavedNotifier): void {
    this.complained = complained;
    this.stored.clear();
    for (const name of stored) this.stored.add(name);
    this.queue.push(...queue);
    if (queue.length > 0) this.flush();
  }

  /** Whether anybody listens. */
  get isConnected(): boolean {
    return this.address !== "";
  }

  /** @param assignments e.g. `READY=1`, `STATUS=…`; what separates them becomes spaces in them */
  send(assignments: readonly string[]): void {
    this.enqueue({ text: datagram(assignments) });
  }

  /**
   * Stores a copy of a descriptor in systemd's fd store.
   *
   * @param name valid as isFdName() has it
   * @throws {NativeError} when it can't be copied
   */
  storeFd(fd: number, name: string, poll: boolean): void {
    if (!this.isConnected) return;
    const text = datagram(["FDSTORE=1", `FDNAME=${name}`, ...(poll ? [] : ["FDPOLL=0"])]);
    this.enqueue({ text, name, fd: native.duplicate(fd) });
  }

  /** Something of that name is in systemd's fd store already. */
  hasStored(name: string): void {
    this.stored.add(name);
  }

  /** All descriptors of that name have hung up, so that systemd has dropped them, too. */
  hasLost(name: string): void {
    for (const message of this.queue.filter(message => message.name === name)) this.dequeue(message);
    this.stored.delete(name);
  }

  /** Removes all descriptors of that name from systemd's fd store. */
  removeFds(name: string): void {
    const unsent = this.queue.filter(message => message.name === name);
    for (const message of unsent) this.dequeue(message);
    // A descriptor that systemd never got needs no removal. So a queue that nobody reads doesn't grow.
    const isThere = this.stored.delete(name) || unsent.some(({ fd }) => fd === undefined);
    if (isThere) this.enqueue({ text: datagram(["FDSTOREREMOVE=1", `FDNAME=${name}`]), name });
  }

  private enqueue(message: Queued): void {
    if (!this.isConnected) return;
    this.queue.push(message);
    // Messages of the fd store are bounded by the store and never dropped.
    const others = this.queue.filter(({ name }) => name === undefined);
    if (others.length > QUEUE_LENGTH) this.dequeue(others.find(({ text }) => !STATE.test(text)) ?? others[0]!);
    if (!this.waiting) this.flush();
  }

  private dequeue(message: Queued): void {
    this.queue.splice(this.queue.indexOf(message), 1);
    if (message.fd !== undefined) native.closeAside(message.fd);
  }

  private flush(): void {
    // Loaded when there is something to say, not before: that keeps it off the way to the first child.
    this.transport ??= sendByLibrary() ?? sendByAddon;
    let fd = -1;
    try {
      fd = this.waiting?.fd ?? native.connectUnix(SOCK_DGRAM, this.address);
      for (let next = this.queue[0]; next; next = this.queue[0]) {
        if (next.fd === undefined) this.transport(fd, next.text);
        else native.send(fd, next.text, [next.fd]);
        if (next.fd !== undefined) this.stored.add(next.name!);
        this.dequeue(next);
      }
      this.hangUp(fd);
    } catch (error) {
      const { code } = error as NativeError;
      if (code === "EAGAIN") return this.waitForRoom(fd);
      if (LACKING.has(code)) this.tryAgain();
      if (!LACKING.has(code)) for (const message of [...this.queue]) this.dequeue(message);
      this.hangUp(fd);
      this.complain(`systemd can't be notified: NOTIFY_SOCKET=${this.address}: ${(error as Error).message}`);
    }
  }

  /** Tries again later, because systemd may wait for the message that can't be sent now. */
  private tryAgain(): void {
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      if (this.queue.length > 0 && !this.waiting) this.flush();
    }, RETRY_AFTER);
    this.retry.unref();
  }

  private waitForRoom(fd: number): void {
    this.complain(`NOTIFY_SOCKET=${this.address} is full: what is to be said waits until systemd reads`);
    try {
      this.waiting ??= { fd, stop: native.watch(fd, true, () => this.flush()) };
    } catch {
      // Whatever it lacks: a look now and then will do.
      this.hangUp(fd);
      this.tryAgain();
    }
  }

  private hangUp(fd: number): void {
    this.waiting?.stop();
    this.waiting = undefined;
    if (fd >= 0) closeSync(fd);
  }

  private complain(why: string): void {
    if (!this.complained) this.onProblem(why);
    this.complained = true;
  }
}

/**
 * As systemd (248 and later) splits it again: a backslash must be doubled, or a single one at the end costs all of it.
 */
function datagram(assignments: readonly string[]): string {
  return assignments.map(assignment => assignment.replace(/[\r\n]/g, " ").replaceAll("\\", "\\\\")).join("\n");
}
