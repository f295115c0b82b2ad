// Carries out the rounds of a plan: reloads of several workers, and upgrades of their supervisor from one version to
// another and back. It keeps account of the processes that were there before an upgrade and not after it.

import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ZERODOWN } from "../support/supervisor.js";
import { installVersion, upgrade } from "../support/versions.js";
import { WORKERS } from "./plan.js";
import type { SoakService } from "./service.js";
import type { Round, UpgradedReload } from "./upgrade-plan.js";
import { children, settled } from "./watch.js";

const run = promisify(execFile);

/** The first one is installed with the unit. */
const VERSIONS = ["1.0.0", "1.1.0"] as const;
/** Longer than a drain of each slot, one after the other, ms. */
const PATIENCE = 120_000;
/** What the log says of a process that ended because a reload told it to, or that the plan made fail. */
const AS_PLANNED = "(drained|exited with status 1 before it was ready)";

export class Upgrades {
  /** How many there were while reloads were under way, or between them. */
  amid = 0;
  /** How many there were while nothing was under way. */
  quiet = 0;
  reloads = 0;
  failedAsPlanned = 0;
  readonly surprises: string[] = [];
  /** The processes that an upgrade found, and that were gone after it: a reload must have ended each. */
  private readonly gone = new Set<number>();
  /** How long the last round took, ms. */
  private lasted = 2000;

  constructor(
    private readonly service: SoakService,
    private readonly supervisor: number,
  ) {}

  async run({ reloads, at }: Round): Promise<void> {
    const begun = performance.now();
    await Promise.all([this.reloadAll(reloads), this.upgradeAmid(at * this.lasted)]);
    this.lasted = performance.now() - begun;
  }

  /** Upgrades while nothing is under way: every process must stay. */
  async runQuiet(): Promise<void> {
    await this.attempt("an upgrade while nothing is under way", async () => {
      await this.settle();
      const before = children(this.supervisor);
      await this.upgrade();
      const after = children(this.supervisor);
      if (after.join() !== before.join()) throw new Error(`its children were ${before}, and are ${after}`);
      this.quiet++;
    });
  }

  /** Resolves when one generation alone is there, with all of its workers. */
  async settle(): Promise<void> {
    const isWhole = async () => /serving \(\d+ workers\)$/.test(await this.service.unit.property("StatusText"));
    for (const end = Date.now() + PATIENCE; !(await isWhole()); await sleep(50)) {
      if (Date.now() > end) throw new Error(`not all of ${WORKERS} workers serve`);
    }
    await settled(this.supervisor, WORKERS);
  }

  /** @returns the processes that upgrades found and that ended for no reason that the log has */
  get missing(): string[] {
    const isExplained = (pid: number) =>
      this.service.unit.log.matching(new RegExp(`\\(pid ${pid}\\) ${AS_PLANNED}`)).length > 0;
    return [...this.gone].filter(pid => !isExplained(pid)).map(pid => `process ${pid} was gone after an upgrade`);
  }

  private async reloadAll(reloads: readonly UpgradedReload[]): Promise<void> {
    for (const reload of reloads) {
      await sleep(reload.pause);
      await this.attempt(JSON.stringify(reload), from => this.reload(reload, from));
    }
  }

  private async reload(reload: UpgradedReload, from: number): Promise<void> {
    switch (reload.kind) {
      case "reload":
        this.service.deploy();
        await this.service.unit.reload();
        this.reloads++;
        return;
      case "same":
        await run(ZERODOWN, ["reload", "--same", "--pid", String(this.supervisor)]);
        this.reloads++;
        return;
      case "broken":
        return this.fail(reload.slot, from);
    }
  }

  private async fail(slot: number, from: number): Promise<void> {
    const { unit } = this.service;
    this.service.deployBroken(slot);
    const { status } = await unit.systemctl("reload", unit.service);
    this.service.deploy();
    if (status === 0) throw new Error("the reload did not fail");
    await unit.log.next(new RegExp(`reload failed after .*: worker ${slot} of .* exited with status 1`), from);
    this.failedAsPlanned++;
    // A worker that the failed one had replaced is started from what is deployed: the next one that fails must not be that.
    await this.settle();
  }

  private async upgradeAmid(after: number): Promise<void> {
    await sleep(after);
    await this.attempt(`an upgrade after ${Math.round(after)} ms`, async () => {
      const before = children(this.supervisor);
      await this.upgrade();
      const after = new Set(children(this.supervisor));
      for (const pid of before) if (!after.has(pid)) this.gone.add(pid);
      this.amid++;
    });
  }

  private async upgrade(): Promise<void> {
    const { unit } = this.service;
    const done = this.amid + this.quiet;
    const [from, to] = [VERSIONS[done % 2]!, VERSIONS[(done + 1) % 2]!];
    installVersion(unit.directory, to);
    const { status, said } = await upgrade(unit);
    if (status === 0 && said.join() === `${unit.service}: ${from} → ${to} (pid ${this.supervisor})`) return;
    throw new Error(`zerodown upgrade: exit status ${status}: ${said.join()}`);
  }

  private async attempt(what: string, step: (from: number) => Promise<void>): Promise<void> {
    const { log } = this.service.unit;
    const from = log.count;
    try {
      await step(from);
    } catch (error) {
      this.surprises.push(`${what}: ${(error as Error).message}\n  ${log.lines.slice(from).join("\n  ")}`);
    }
  }
}
