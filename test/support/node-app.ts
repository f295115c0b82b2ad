// An app on the library, as a process of its own, without a supervisor.

import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { Lines } from "./lines.js";
import { ROOT } from "./supervisor.js";

/** What each program begins with. */
const PRELUDE = `
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as zerodown from ${JSON.stringify(`${ROOT}dist/index.js`)};
const { adopt, init, onStop, serve, startupFinished, stopping } = zerodown;
`;

export interface AppEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class NodeApp {
  readonly output = new Lines();
  readonly errors = new Lines();
  readonly ended: Promise<AppEnd>;
  private readonly child: ChildProcess;

  constructor(program: string, env: NodeJS.ProcessEnv = {}, args: readonly string[] = []) {
    const options = ["--input-type=module", "--eval", PRELUDE + program, ...args];
    this.child = spawn(process.execPath, options, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout!.on("data", (data: Buffer) => this.output.add(data.toString()));
    this.child.stderr!.on("data", (data: Buffer) => this.errors.add(data.toString()));
    this.ended = new Promise(resolve =>
      this.child.on("close", (status, signal) => {
        this.output.end();
        this.errors.end();
        resolve({ status, signal });
      }),
    );
    running.add(this);
  }

  get pid(): number {
    return this.child.pid!;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Of the line "port N". */
  async port(): Promise<number> {
    return Number((await this.output.next(/^port \d+$/)).slice("port ".length));
  }
}

const running = new Set<NodeApp>();

/** For afterEach. */
export async function killApps(): Promise<void> {
  for (const app of running) app.signal("SIGKILL");
  await Promise.all([...running].map(app => app.ended));
  running.clear();
}

/** A connection that says what it gets, and when it is closed. */
export class RawClient {
  text = "";
  readonly closed: Promise<void>;
  private readonly socket: Socket;
  private waiters: (() => void)[] = [];
  private isClosed = false;

  constructor(port: number) {
    this.socket = connect(port);
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

  get(path = "/", ...headers: string[]): this {
    return this.send(`GET ${path} HTTP/1.1\r\n${["Host: test", ...headers].join("\r\n")}\r\n\r\n`);
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
