// Stops and starts a service under load; clients wait in its sockets' backlog meanwhile.

import { setTimeout as sleep } from "node:timers/promises";
import type { Stop } from "./plan.js";
import type { SoakService } from "./service.js";

export class Stops {
  stops = 0;
  restarts = 0;
  reloads = 0;
  readonly surprises: string[] = [];

  constructor(private readonly service: SoakService) {}

  /** Does one step after another, until `signal` says that it is enough. */
  async run(plan: readonly Stop[], signal: AbortSignal): Promise<void> {
    for (const step of plan) {
      await sleep(step.pause, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const from = this.service.unit.log.count;
      const surprise = await this.perform(step, from).catch((error: Error) => error.message);
      const log = this.service.unit.log.lines.slice(from).join("\n  ");
      if (surprise) this.surprises.push(`${JSON.stringify(step)}: ${surprise}\n  ${log}`);
    }
  }

  private async perform({ kind, after }: Stop, from: number): Promise<string | undefined> {
    const { unit } = this.service;
    const [verb, isReloading] = [/^\w+/.exec(kind)![0], kind.includes("reloading")];
    if (isReloading) {
      this.reloads++;
      await unit.systemctl("reload", "--no-block", unit.service);
      await sleep(after);
    }
    const { status, stderr } = await unit.systemctl(verb, unit.service);
    if (verb === "reload") this.reloads++;
    if (verb === "restart") this.restarts++;
    if (verb === "stop") this.stops++;
    if (status !== 0) return `systemctl ${verb}: exit status ${status}, ${stderr}`;
    // After a stop the next client starts the service.
    if (verb !== "reload") await unit.log.next(/generation 1 \(pid \d+\) serving: /, from);
    return undefined;
  }
}
