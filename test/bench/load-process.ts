// Starts load.ts, and tells what it sees.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Address } from "./candidate.js";
import type { Timed } from "./statistics.js";

/** A request whose times are ms of now(). */
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
  /** How often clients that keep their connections had to open another one. */
  readonly reconnected: number;
}

type Message = { serving: number; pid: number } | Observed;

/** A new generation that hasn't answered by then never will, ms. */
const LIMIT = 20_000;

export class LoadProcess {
  /** When each generation first answered. */
  private readonly answered: number[] = [];
  /** Which processes have answered, in the order of their first answers. */
  readonly pids: number[] = [];
  private readonly child: ChildProcess;
  private readonly observed: Promise<Observed>;
  private wake = () => {};

  /** @param every how often each client asks, ms */
  constructor({ host, port }: Address, every = 10) {
    const args = [host, String(port), String(every)];
    this.child = fork(fileURLToPath(new URL("load.js", import.meta.url)), args);
    this.observed = new Promise((resolve, reject) => {
      this.child.on("message", (message: Message) => {
        if ("samples" in message) return resolve(message);
        this.answered.push(message.serving);
        this.pids.push(message.pid);
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

  /** Resolves with when that generation first answered, ms of now(); generations are counted from 0, and have `limit` ms. */
  async serving(generation: number, limit = LIMIT): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no new generation answered within ${limit / 1000} s`)), limit);
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
