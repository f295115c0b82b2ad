// Starts load.ts, and tells what it sees.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Address } from "./candidate.js";
import type { Timed } from "./statistics.js";

/** A request whose times are ms since 1970. */
export interface LoadSample extends Timed {
  /** Whether its client keeps the connection. */
  readonly kept: boolean;
  readonly lost: boolean;
}

export interface Observed {
  /** Sorted by their start. */
  readonly samples: readonly LoadSample[];
  /** Why each lost request was lost. */
  readonly failures: readonly string[];
}

type Message = { serving: number } | Observed;

/** A new generation that hasn't answered by then never will, ms. */
const LIMIT = 20_000;

export class LoadProcess {
  /** When each generation first answered. */
  private readonly answered: number[] = [];
  private readonly child: ChildProcess;
  private readonly observed: Promise<Observed>;
  private wake = () => {};

  constructor({ host, port }: Address) {
    this.child = fork(fileURLToPath(new URL("load.js", import.meta.url)), [host, String(port)]);
    this.observed = new Promise((resolve, reject) => {
      this.child.on("message", (message: Message) => {
        if ("samples" in message) return resolve(message);
        this.answered.push(message.serving);
        this.wake();
      });
      this.child.on("exit", () => reject(new Error("the load has ended")));
    });
    // stop() hands the rejection to its caller; until then Node must not take it for unhandled.
    this.observed.catch(() => {});
  }

  /** How many generations have answered. */
  get generations(): number {
    return this.answered.length;
  }

  /** Resolves with when that generation first answered, ms since 1970; generations are counted from 0. */
  async serving(generation: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no new generation answered within ${LIMIT / 1000} s`)), LIMIT);
      this.wake = () => {
        if (generation >= this.answered.length) return;
        clearTimeout(timer);
        resolve();
      };
      this.wake();
    });
    return this.answered[generation]!;
  }

  async stop(): Promise<Observed> {
    this.child.send("stop");
    return this.observed;
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }
}
