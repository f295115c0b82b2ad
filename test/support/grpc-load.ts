// Clients of gRPC that forgive nothing: a call that ends with another status than OK has failed, and nothing is retried.

import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { Answers } from "./answers.js";
import { ROOT } from "./supervisor.js";

interface Reply {
  readonly text: string;
}

/** The part that is used of a client that @grpc/grpc-js makes, which the tests of frameworks install. */
interface Client {
  Hello(request: Reply, done: (error: Error | null, reply?: Reply) => void): void;
  Watch(request: Reply): NodeJS.EventEmitter;
  close(): void;
}

interface GrpcLoadOptions {
  readonly clients: number;
  /** A client keeps its channel; otherwise each call has a connection of its own. */
  readonly keepAlive: boolean;
  /** Each client reads a stream to its end, and calls again; otherwise a call has one answer. */
  readonly streams?: boolean;
}

export class GrpcLoad {
  requests = 0;
  /** Why each failed call failed. */
  readonly failures: string[] = [];
  private isStopping = false;
  private readonly got = new Answers();
  private readonly clients: Promise<void>[];
  private readonly open = new Set<() => void>();

  constructor(
    private readonly target: { host: string; port: number },
    private readonly options: GrpcLoadOptions,
  ) {
    this.clients = Array.from({ length: options.clients }, () => this.run());
  }

  /** Resolves when that many more matching answers have come. */
  async answers(count: number, pattern: RegExp): Promise<void> {
    return this.got.wait(count, pattern);
  }

  /** Lets calls come to their end; streams have none. */
  async stop(): Promise<void> {
    this.isStopping = true;
    for (const cancel of this.open) cancel();
    await Promise.all(this.clients);
  }

  private async run(): Promise<void> {
    const { keepAlive, streams = false } = this.options;
    let client = this.connect();
    for (let count = 1; !this.isStopping; count++) {
      this.requests++;
      await (streams ? this.watch(client) : this.ask(client, count));
      if (!keepAlive) {
        client.close();
        client = this.connect();
      }
      await sleep(5);
    }
    client.close();
  }

  private connect(): Client {
    const require = createRequire(`${ROOT}test/frameworks/package.json`);
    const { credentials, loadPackageDefinition } = require("@grpc/grpc-js");
    const { Greeter } = loadPackageDefinition(
      require("@grpc/proto-loader").loadSync(`${ROOT}test/frameworks/grpc/greeter.proto`),
    );
    const { host, port } = this.target;
    return new Greeter(`${host}:${port}`, credentials.createInsecure(), {
      "grpc.enable_retries": 0,
      // Otherwise all channels of a process to one address share a connection.
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  private ask(client: Client, count: number): Promise<void> {
    return new Promise(resolve => {
      client.Hello({ text: String(count) }, (error, reply) => {
        if (error) this.failures.push(`${this.options.keepAlive ? "kept" : "new"} connection: ${error.message}`);
        else if (!reply!.text.endsWith(`: ${count}`)) this.failures.push(`answered "${reply!.text}" to ${count}`);
        else this.got.add(reply!.text);
        resolve();
      });
    });
  }

  private watch(client: Client): Promise<void> {
    const call = client.Watch({ text: "" }) as NodeJS.EventEmitter & { cancel(): void };
    const cancel = () => call.cancel();
    this.open.add(cancel);
    return new Promise(resolve => {
      const over = (failure?: string) => {
        this.open.delete(cancel);
        if (failure && !this.isStopping) this.failures.push(`stream: ${failure}`);
        resolve();
      };
      call.on("data", ({ text }: Reply) => this.got.add(text));
      call.on("error", ({ message }: Error) => over(message));
      call.on("end", () => over());
    });
  }
}
