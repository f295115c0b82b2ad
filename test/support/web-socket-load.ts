// WebSocket clients that send a message, wait for its answer, and connect again only when the server said that it restarts.

import { createRequire } from "node:module";
import { Answers } from "./answers.js";
import { ROOT } from "./supervisor.js";

/** The part that is used of the client of `ws`, which the tests of frameworks install; Node 20 has none. */
interface WebSocket {
  on(event: "open", listener: () => void): this;
  on(event: "message", listener: (message: Buffer) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "close", listener: (code: number) => void): this;
  readonly readyState: number;
  send(message: string): void;
  close(): void;
}

/** The `readyState` in which a message can be sent. */
const OPEN = 1;

/** Service Restart, in IANA's registry of close codes. */
const RESTART = 1012;

export class WebSocketLoad {
  /** Why each failed connection failed. */
  readonly failures: string[] = [];
  requests = 0;
  /** How often the server said that it restarts. */
  restarts = 0;
  /** How many messages had no answer then: a client sends them again. */
  unanswered = 0;
  private readonly make: new (
    url: string,
  ) => WebSocket;
  private isStopping = false;
  private readonly got = new Answers();
  private readonly open = new Set<WebSocket>();
  private readonly clients: Promise<void>[];

  constructor(
    private readonly target: { host: string; port: number },
    clients: number,
  ) {
    this.make = createRequire(`${ROOT}test/frameworks/package.json`)("ws");
    this.clients = Array.from({ length: clients }, () => this.run());
  }

  /** Resolves when that many more matching answers have come. */
  async answers(count: number, pattern: RegExp): Promise<void> {
    return this.got.wait(count, pattern);
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    for (const webSocket of this.open) webSocket.close();
    await Promise.all(this.clients);
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      const error = await this.connect();
      if (error && !this.isStopping) this.failures.push(error);
    }
  }

  /** Resolves when the connection is closed, with the reason if it isn't that the server restarts. */
  private connect(): Promise<string | undefined> {
    const webSocket = new this.make(`ws://${this.target.host}:${this.target.port}`);
    this.open.add(webSocket);
    let count = 0;
    let isAnswered = true;
    const send = () => {
      // The server may have said goodbye while this client waited.
      if (webSocket.readyState !== OPEN) return;
      this.requests++;
      isAnswered = false;
      webSocket.send(String(++count));
    };
    return new Promise(resolve => {
      webSocket
        .on("open", send)
        .on("message", message => {
          const answer = message.toString();
          if (!answer.endsWith(`: ${count}`)) resolve(`answered "${answer}" to ${count}`);
          isAnswered = true;
          this.got.add(answer);
          setTimeout(send, 10);
        })
        .on("error", ({ message }) => resolve(message))
        .on("close", code => {
          this.open.delete(webSocket);
          if (code === RESTART) this.restarts++;
          if (code === RESTART && !isAnswered) this.unanswered++;
          resolve(code === RESTART ? undefined : `closed with ${code}`);
        });
    });
  }
}
