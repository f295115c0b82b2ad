// Clients of Socket.IO that wait for the answer to each message, and connect again as the library for clients does by itself.

import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { Answers } from "./answers.js";
import { ROOT } from "./supervisor.js";

/** The part that is used of socket.io-client, which the tests of frameworks install. */
interface Client {
  on(event: "disconnect", listener: (reason: string) => void): this;
  readonly connected: boolean;
  emitWithAck(event: string, text: string): Promise<string>;
  disconnect(): void;
}

type Transport = "websocket" | "polling";

/** After this one a client of Socket.IO doesn't connect again. */
const DISMISSED = "io server disconnect";

export class SocketIoLoad {
  requests = 0;
  /** Why each failed message failed. */
  readonly failures: string[] = [];
  /** How often clients have connected again. */
  restarts = 0;
  /** How many messages had no answer when their connection ended, and were sent again. */
  unanswered = 0;
  private isStopping = false;
  private readonly got = new Answers();
  private readonly clients: Promise<void>[];

  /** @param transports in the order in which a client tries them: with polling first, a session goes over to a WebSocket */
  constructor(
    private readonly target: { host: string; port: number },
    private readonly transports: readonly Transport[],
    clients: number,
  ) {
    this.clients = Array.from({ length: clients }, () => this.run());
  }

  /** Resolves when that many more matching answers have come. */
  async answers(count: number, pattern: RegExp): Promise<void> {
    return this.got.wait(count, pattern);
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.clients);
  }

  private async run(): Promise<void> {
    const { io } = createRequire(`${ROOT}test/frameworks/package.json`)("socket.io-client");
    const { host, port } = this.target;
    const client: Client = io(`http://${host}:${port}`, {
      transports: this.transports,
      forceNew: true,
      // A message is sent again, on the next connection, until it is answered.
      retries: 20,
      ackTimeout: 10_000,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
    });
    let isAnswered = true;
    client.on("disconnect", reason => {
      if (this.isStopping) return;
      this.restarts++;
      if (!isAnswered) this.unanswered++;
      if (reason === DISMISSED) this.failures.push(reason);
    });
    for (let count = 1; !this.isStopping; count++) {
      this.requests++;
      // Without a connection it only waits for the next one.
      isAnswered = !client.connected;
      try {
        const answer = await client.emitWithAck("hello", String(count));
        if (!answer.endsWith(`: ${count}`)) this.failures.push(`answered "${answer}" to ${count}`);
        isAnswered = true;
        this.got.add(answer);
      } catch (error) {
        this.failures.push((error as Error).message);
      }
      await sleep(10);
    }
    client.disconnect();
  }
}
