// Makes faults of a whole machine, for one program and its children, by test/apps/shim.c.

import { closeSync, openSync, writeSync } from "node:fs";
import { ROOT } from "./supervisor.js";

export class Shim {
  /** The variables that the program needs for it. */
  readonly environment: NodeJS.ProcessEnv;
  private readonly numbers = new BigInt64Array(2);

  private readonly fd: number;

  /** @param file where the shim keeps its state */
  constructor(file: string) {
    this.environment = { LD_PRELOAD: `${ROOT}build/test/apps/shim.so`, SHIM: file };
    this.fd = openSync(file, "w");
    this.write();
  }

  /** From now on the wall clock is so many seconds ahead. */
  stepClock(seconds: number): void {
    this.numbers[0] = BigInt(seconds);
    this.write();
  }

  /** From now on socket(2) fails. */
  failSockets(errno: number): void {
    this.numbers[1] = BigInt(errno);
    this.write();
  }

  close(): void {
    closeSync(this.fd);
  }

  private write(): void {
    writeSync(this.fd, new Uint8Array(this.numbers.buffer), 0, this.numbers.byteLength, 0);
  }
}
