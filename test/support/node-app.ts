// An app on the library, as a process of its own, without a supervisor.

import { connect, type Socket } from "node:net";
import { ROOT } from "./supervisor.js";
import { TestProcess } from "./test-process.js";

/** Each program begins with this. */
export const PRELUDE = `
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as zerodown from ${JSON.stringify(`${ROOT}dist/index.js`)};
const { adopt, init, onStop, serve, startupFinished, stopping } = zerodown;
`;

export class NodeApp extends TestProcess {
  constructor(program: string, env: NodeJS.ProcessEnv = {}, args: readonly string[] = []) {
    super(process.execPath, ["--input-type=module", "--eval", PRELUDE + program, ...args], { env });
    running.add(this);
  }

  /** Resolves with the port that the line "port N" names. */
  async port(): Promise<number> {
    return Number((await this.output.next(/^port \d+$/)).slice("port ".length));
  }
}

const running = new Set<NodeApp>();

/** For afterEach: no app outlives its test. */
export async function killApps(): Promise<void> {
  for (const app of running) app.signal("SIGKILL");
  await Promise.all([...running].map(app => app.ended));
  running.clear();
}

/** A connection that tells what it gets, and when it is closed. */
export class RawClient {
  text = "";
  readonly closed: Promise<void>;
  private readonly socket: Socket;
  private waiters: (() => void)[] = [];
  private isClosed = false;

  /** @param port or the path of a unix socket */
  constructor(port: number | string, host = "127.0.0.1") {
    this.socket = typeof port === "string" ? connect(port) : connect(port, host);
    this.socket.on("error", error => (this.text += `<${(error as NodeJS.ErrnoException).code}>`));
    this.socket.on("data", data => {
      this.text += data;
      this.wake();
    });
    this.closed = new Promise(resolve =>
      this.socket.on("close", () => {
        this.isClosed = true;
        this.wake();
        resolve();
      }),
    );
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  end(): void {
    this.socket.end();
  }

  get(path = "/", ...headers: string[]): this {
    return this.send(`GET ${path} HTTP/1.1\r\n${["Host: test", ...headers].join("\r\n")}\r\n\r\n`);
  }

  close(): void {
    this.socket.destroy();
  }

  /** Nothing is read from now on. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Resolves when what came matches; rejects when the connection closes before that. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.isClosed) throw new Error(`closed, and nothing matches ${pattern} in ${JSON.stringify(this.text)}`);
      await new Promise<void>(resolve => this.waiters.push(resolve));
    }
    return this.text;
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}
