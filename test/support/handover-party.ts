// A handover in which a test plays the supervisor, and one of the two processes: the other one is an app on the library.

import { closeSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { type Message, native, SOCK_DGRAM, SOCK_STREAM } from "../../src/native/index.js";
import { readable } from "./native.js";
import { PRELUDE } from "./node-app.js";
import { temporaryDirectory } from "./supervisor.js";
import { TestProcess } from "./test-process.js";

/** An app that has a socket of the service, and a supervisor that listens to it. */
export class Party extends TestProcess {
  /** What it is asked on. */
  readonly port: number;
  private readonly notifySocket: number;
  private channel: number | undefined;

  /** @param program makes `server`, which is served with `options` */
  constructor(program: string, options = "{}", { unix = false, limit = 0 } = {}) {
    const directory = temporaryDirectory();
    const notify = `${directory.path}/notify`;
    const notifySocket = native.bindUnix(SOCK_DGRAM, notify);
    const socket = unix
      ? native.bindUnix(SOCK_STREAM, `${directory.path}/socket`)
      : native.bindInet(SOCK_STREAM, 2, "127.0.0.1", "", 0, false);
    const code = `${PRELUDE}${program}; await serve(server, ${options}); onStop(() => console.log("told to stop"));`;
    const command = `${limit ? `ulimit -n ${limit}; ` : ""}LISTEN_PID=$$ exec "$0" --input-type=module --eval "$1"`;
    super("/bin/bash", ["-c", command, process.execPath, code], {
      env: { NOTIFY_SOCKET: notify, LISTEN_FDS: "1", ZERODOWN_GENERATION: "1" },
      fds: [socket],
    });
    this.notifySocket = notifySocket;
    this.port = native.describeSocket(socket)!.port ?? 0;
    this.path = `${directory.path}/socket`;
    closeSync(socket);
    running.add(this);
    void this.ended.then(() => rmSync(directory.path, { recursive: true, force: true }));
  }

  readonly path: string;

  /** Resolves when it is ready, with whether it has offered to hand over. */
  async ready(): Promise<boolean> {
    for (;;) {
      await readable(this.notifySocket);
      const { data, fds } = native.receive(this.notifySocket)!;
      if (String(data) === "X_ZERODOWN_HANDOVER=1") this.channel = fds[0];
      if (String(data) === "READY=1") return this.channel !== undefined;
    }
  }

  /** It is to give its connections to this test, or to take them. @returns this test's end */
  introduce(what: "GIVE" | "TAKE"): End {
    const [ours, theirs] = native.socketPair();
    native.send(this.channel!, `${what}=1\nGENERATION=2\nWORKER=0`, [theirs]);
    closeSync(theirs);
    return new End(ours);
  }

  openFds(): string[] {
    return readdirSync(`/proc/${this.pid}/fd`);
  }

  close(): void {
    this.signal("SIGKILL");
    for (const fd of [this.notifySocket, this.channel]) if (fd !== undefined) closeSync(fd);
  }
}

const running = new Set<Party>();

/** For afterEach: no app outlives its test. */
export async function endParties(): Promise<void> {
  for (const party of running) party.close();
  await Promise.all([...running].map(party => party.ended));
  running.clear();
}

/** The test's end of a pair. */
export class End {
  private isOpen = true;

  constructor(private readonly fd: number) {}

  say(text: string, fds: readonly number[] = []): void {
    native.send(this.fd, text, fds);
  }

  /** Resolves with the next message; an empty one says that the other end is closed. */
  async next(): Promise<Message> {
    await readable(this.fd);
    try {
      return native.receive(this.fd)!;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNRESET") throw error;
      return native.receive(this.fd)!;
    }
  }

  /** Whether another message waits, or the other end is closed. */
  get hasMore(): boolean {
    return native.readable(this.fd);
  }

  /** Takes so many connections, as they come. */
  async take(count: number): Promise<number[]> {
    const taken: number[] = [];
    while (taken.length < count) {
      const { fds } = await this.next();
      taken.push(...fds);
      this.say(`TAKEN=${fds.length}\nOPEN=${taken.length}`);
    }
    return taken;
  }

  close(): void {
    if (this.isOpen) closeSync(this.fd);
    this.isOpen = false;
  }
}

/** What has been sent on a connection, as its descriptor has it. */
export async function readFrom(fd: number): Promise<string> {
  await readable(fd);
  const bytes = Buffer.alloc(1 << 16);
  return bytes.toString("latin1", 0, readSync(fd, bytes));
}

/** Answers on a connection that was taken, and lets it go. */
export function answerOn(fd: number, body: string): void {
  writeSync(fd, `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  closeSync(fd);
}
