// Carries out a plan's steps on a service of several workers: reloads, other numbers of workers, crashes of one. By
// --max-age it recycles them, too.

import { setTimeout as sleep } from "node:timers/promises";
import { CrewService } from "./crew-service.js";
import { kill } from "./kill.js";
import { type CrewKind, type CrewStep, planCrew, WORKERS } from "./plan.js";
import type { CrewTally } from "./tally.js";

export class Crew {
  private reloads = 0;
  private failedAsPlanned = 0;
  private scalings = 0;
  private crashes = 0;
  private readonly surprises: string[] = [];
  private wanted = WORKERS;

  private constructor(
    private readonly kind: CrewKind,
    private readonly service: CrewService,
  ) {}

  static async start(kind: CrewKind): Promise<Crew> {
    return new Crew(kind, await CrewService.start(`--surge ${kind.surge} --max-age 15s`, kind.queues));
  }

  /** Does one step after another, until `signal` says that it is enough, and so many reloads have succeeded. */
  async run(seed: number, reloads: number, signal: AbortSignal): Promise<void> {
    for (const step of planCrew(this.kind, seed)) {
      if (signal.aborted && this.reloads >= reloads) break;
      await sleep(step.pause);
      await this.take(step);
    }
    await this.take({ kind: "scale", pause: 0, workers: WORKERS });
  }

  async end(): Promise<void> {
    this.surprises.push(...(await this.service.end()));
  }

  get tally(): CrewTally {
    const { kind, service, reloads, failedAsPlanned, scalings, crashes, surprises } = this;
    const queues = kind.queues > 1 ? `, ${kind.queues} accept queues` : "";
    const byAge = service.recycled("has run for .*");
    const name = `--surge ${kind.surge}${queues}`;
    return { name, ...service.counts, reloads, failedAsPlanned, scalings, crashes, byAge, byMemory: 0, surprises };
  }

  private async take(step: CrewStep): Promise<void> {
    const { log } = this.service.app.unit;
    const from = log.count;
    try {
      await this.perform(step, from);
    } catch (error) {
      this.surprises.push(
        `${JSON.stringify(step)}: ${(error as Error).message}\n  ${log.lines.slice(from).join("\n  ")}`,
      );
    }
  }

  private async perform(step: CrewStep, from: number): Promise<void> {
    const { service } = this;
    switch (step.kind) {
      case "reload":
        service.app.deploy();
        await service.command("reload");
        this.reloads++;
        return;
      case "same":
        await service.command("reload", "--same");
        this.reloads++;
        return;
      case "broken":
        return this.fail(step.slot % this.wanted, from);
      case "scale":
        this.wanted = step.workers;
        await service.command("scale", String(step.workers));
        this.scalings++;
        return;
      case "crash":
        return this.crash(step.which);
    }
  }

  private async fail(slot: number, from: number): Promise<void> {
    const { app } = this.service;
    app.deployBroken(slot);
    const reloaded = await this.service.command("reload").then(
      () => true,
      () => false,
    );
    app.deploy();
    if (reloaded) throw new Error("the reload did not fail");
    await app.unit.log.next(new RegExp(`reload failed after .*: worker ${slot} of .* exited with status 1`), from);
    this.failedAsPlanned++;
    await this.service.whole(this.wanted);
  }

  private async crash(which: number): Promise<void> {
    const serving = await this.service.serving();
    const killed = await kill(serving[which % serving.length]!.pid);
    if (!killed) return;
    this.service.load.excuse(killed);
    this.crashes++;
    await this.service.whole(this.wanted);
  }
}
