// Those who wait for the outcome of a reload, or of another number of workers.

import type { Effect } from "../machine/effects.js";
import type { Outcome } from "../machine/outcome.js";
import type { Ended, Generation } from "../machine/state.js";
import { refusalText } from "../machine/words.js";

/** `generation` serves, or `error` says why not, and `outcome` how the process ended that failed, which had that pid. */
export interface ReloadResult {
  readonly generation: Generation | Ended | null;
  readonly error: string | null;
  readonly outcome: Outcome | null;
  readonly pid: number | null;
}

export class Askers {
  private readonly waiting = new Map<number, (result: ReloadResult) => void>();
  /** Answers to those who asked another supervisor, and whom this one has yet to meet. */
  private readonly early = new Map<number, ReloadResult>();
  /** The number of the last one that there was. */
  last = 0;

  /** @param request called with the number that its answer will come to */
  ask(request: (asker: number) => void): Promise<ReloadResult> {
    const asker = ++this.last;
    return new Promise(resolve => {
      this.waiting.set(asker, resolve);
      request(asker);
    });
  }

  /** Waits for the answer to one who asked the supervisor that this one goes on from. */
  await(asker: number): Promise<ReloadResult> {
    return new Promise(resolve => {
      const result = this.early.get(asker);
      if (!result) this.waiting.set(asker, resolve);
      else resolve(result);
      this.early.delete(asker);
    });
  }

  answer({ askers, generation, problem }: Extract<Effect, { type: "result" }>): void {
    const error = problem && refusalText(problem);
    const failed = problem && "outcome" in problem ? problem : null;
    const result = { generation, error, outcome: failed?.outcome ?? null, pid: failed?.generation.pids[0] ?? null };
    for (const asker of askers) {
      const answer = this.waiting.get(asker) ?? (() => this.early.set(asker, result));
      answer(result);
      this.waiting.delete(asker);
    }
  }
}
