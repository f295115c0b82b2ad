// A program that a test starts, and whose lines it awaits.

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { Lines } from "./lines.js";

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class TestProcess {
  /** stdout */
  readonly output = new Lines();
  /** stderr */
  readonly errors = new Lines();
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;

  /** @param options `env` comes on top of the test's own environment; `fds` become 3, 4, … */
  constructor(
    file: string,
    args: readonly string[],
    { env, fds = [], ...options }: SpawnOptions & { fds?: readonly number[] } = {},
  ) {
    this.child = spawn(file, args, {
      ...options,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe", ...fds],
    }) as ChildProcess;
    this.child.stdout!.on("data", (data: Buffer) => this.output.add(data.toString()));
    this.child.stderr!.on("data", (data: Buffer) => this.errors.add(data.toString()));
    this.ended = new Promise(resolve =>
      this.child.on("close", (status, signal) => {
        this.output.end();
        this.errors.end();
        resolve({ status, signal });
      }),
    );
  }

  get pid(): number {
    return this.child.pid!;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
