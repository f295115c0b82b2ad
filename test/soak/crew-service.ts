// A service of several workers with its clients, and what its supervisor says of the workers.

import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { fdKinds } from "../support/processes.js";
import { ZERODOWN } from "../support/supervisor.js";
import type { Worker } from "../support/unit-workers.js";
import { type Counts, SoakLoad } from "./load.js";
import { WORKERS } from "./plan.js";
import { checkLife } from "./reloads.js";
import { SoakService } from "./service.js";
import { settled } from "./watch.js";

const run = promisify(execFile);

/** Longer than a drain of each slot, one after the other, ms. */
const PATIENCE = 120_000;
/** Between two looks, each of which starts a Node, ms. */
const LOOK_EVERY = 200;
/** The log says so of one: the slot with its generation, the pid, and what it does. */
const WORKER_LINE = /(worker \d+ of generation \d+) \(pid (\d+)\) (.*)$/;

export class CrewService {
  private constructor(
    readonly app: SoakService,
    readonly load: SoakLoad,
    private readonly supervisor: number,
    private readonly heldAtFirst: readonly string[],
  ) {}

  /** @param options of `zerodown run`, besides the number of workers */
  static async start(options: string, queues = 1): Promise<CrewService> {
    // No start is to fail by being late, while the machine is as busy as it is.
    const app = new SoakService(`--workers ${WORKERS} --start-timeout 60s ${options}`, queues);
    await app.start();
    const supervisor = await app.unit.mainPid();
    await settled(supervisor, WORKERS);
    return new CrewService(app, new SoakLoad(app.host, "light"), supervisor, fdKinds(supervisor));
  }

  /** Runs a command of zerodown for this service. */
  async command(name: string, ...args: string[]): Promise<string> {
    const options = args.filter(arg => arg.startsWith("-"));
    const operands = args.filter(arg => !arg.startsWith("-"));
    return (await run(ZERODOWN, [name, ...options, "--pid", String(this.supervisor), ...operands])).stdout;
  }

  /** Those that serve, of the current generation. */
  async serving(): Promise<Worker[]> {
    const { generations } = JSON.parse(await this.command("status", "--json"));
    const current = generations.find(({ state }: { state: string }) => state === "serving");
    return (current?.workers ?? []).filter(({ state }: Worker) => state === "serving");
  }

  /** Resolves when that many serve. */
  async whole(wanted: number): Promise<void> {
    for (const end = Date.now() + PATIENCE; (await this.serving()).length !== wanted; await sleep(LOOK_EVERY)) {
      if (Date.now() > end) throw new Error(`not all of ${wanted} workers serve`);
    }
  }

  /** How many workers were due for a reason, a pattern, and drained when another one of their generation was in the slot. */
  recycled(reason: string): number {
    const due = new RegExp(`${reason}: another one is to replace it$`);
    const replaces = new Map<string, string>();
    const isReplaced = new Set<string>();
    let count = 0;
    for (const line of this.app.unit.log.lines) {
      const [, slot = "", pid = "", what = ""] = WORKER_LINE.exec(line) ?? [];
      if (due.test(what)) replaces.set(slot, pid);
      else if (what.startsWith("serving: ") && replaces.has(slot)) isReplaced.add(replaces.get(slot)!);
      else if (what.startsWith("drained and ") && isReplaced.delete(pid)) count++;
      if (what.startsWith("serving: ")) replaces.delete(slot);
    }
    return count;
  }

  get counts(): Counts {
    return this.load.counts;
  }

  /** Ends the clients and the service. @returns what went wrong in the supervisor's life */
  async end(): Promise<string[]> {
    await this.load.stop();
    const wrong = [...(await checkLife(this.app, this.supervisor)), ...(await this.leftOver())];
    await this.app.remove();
    return wrong;
  }

  /** @returns what the supervisor holds that it did not hold at first, once all drains are over */
  private async leftOver(): Promise<string[]> {
    for (const end = Date.now() + PATIENCE; ; await sleep(LOOK_EVERY)) {
      const now = fdKinds(this.supervisor);
      if (now.join() === this.heldAtFirst.join()) return [];
      if (Date.now() > end)
        return [`workers left something behind: ${now.join()}, instead of ${this.heldAtFirst.join()}`];
    }
  }
}
