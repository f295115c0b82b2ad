// Carries out a plan's steps on the service that is reloaded, and keeps account of what came of them.

import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { processState } from "../support/processes.js";
import { ZERODOWN } from "../support/supervisor.js";
import { kill } from "./kill.js";
import type { SoakLoad } from "./load.js";
import type { Broken, Step } from "./plan.js";
import { REASONS, type SoakService } from "./service.js";
import { children } from "./watch.js";

export class Reloads {
  /** How many commands and signals have asked for a reload. */
  asked = 0;
  failedAsPlanned = 0;
  candidatesKilled = 0;
  drainingKilled = 0;
  signals = 0;
  /** A line for everything that went otherwise than planned. */
  readonly surprises: string[] = [];
  private readonly before: number;

  constructor(
    private readonly service: SoakService,
    private readonly load: SoakLoad,
    private readonly supervisor: number,
  ) {
    this.before = service.unit.log.matching(SERVING).length;
  }

  /** How many generations came to serve by a reload; several askers may share one. */
  get succeeded(): number {
    return this.service.unit.log.matching(SERVING).length - this.before;
  }

  get failed(): number {
    return this.service.unit.log.matching(/^zerodown: reload failed after /).length;
  }

  async run(step: Step): Promise<void> {
    await sleep(step.pause);
    const from = this.service.unit.log.count;
    const surprise = await this.perform(step, from).catch((error: Error) => error.message);
    if (!surprise) return;
    const log = this.service.unit.log.lines.slice(from).join("\n  ");
    this.surprises.push(`${JSON.stringify(step)}: ${surprise}\n  ${log}`);
  }

  /** @returns what went otherwise than planned */
  private async perform(step: Step, from: number): Promise<string | undefined> {
    switch (step.kind) {
      case "reload":
        return this.reload();
      case "kill draining":
        return this.killDraining(step.after);
      case "storm":
        return this.storm(step.signals, step.gap);
      case "commands":
        return this.commands(step.count);
      case "broken":
        return this.fail(step.how, from);
      case "kill candidate":
        return this.killCandidate(step.after, from);
    }
  }

  private async reload(): Promise<string | undefined> {
    this.service.deploy();
    this.asked++;
    const { status, stderr } = await this.service.unit.systemctl("reload", this.service.unit.service);
    return status === 0 ? undefined : `systemctl reload: exit status ${status}, ${stderr}`;
  }

  private async killDraining(after: number): Promise<string | undefined> {
    const pid = this.servingPid();
    const surprise = await this.reload();
    if (surprise) return surprise;
    await sleep(after);
    if (!children(this.supervisor).includes(pid)) return undefined;
    const killed = await kill(pid);
    if (!killed) return undefined;
    this.load.excuse(killed);
    this.drainingKilled++;
    return undefined;
  }

  private async storm(signals: number, gap: number): Promise<string | undefined> {
    this.service.deploy();
    for (let count = 0; count < signals; count++) {
      process.kill(this.supervisor, "SIGHUP");
      await sleep(gap);
    }
    this.asked += signals;
    this.signals += signals;
    // This command gets the result of a reload that began after all these signals.
    return this.commands(1);
  }

  private async commands(count: number): Promise<string | undefined> {
    this.service.deploy();
    this.asked += count;
    const args = ["reload", "--pid", String(this.supervisor)];
    const command = () =>
      new Promise<string | undefined>(resolve => execFile(ZERODOWN, args, error => resolve(error?.message)));
    return (await Promise.all(Array.from({ length: count }, command))).find(Boolean);
  }

  private async fail(how: Broken, from: number): Promise<string | undefined> {
    this.service.deploy(how);
    return this.expectFailure(REASONS[how], from);
  }

  private async killCandidate(after: number, from: number): Promise<string | undefined> {
    const { log } = this.service.unit;
    this.service.deploy("never gets ready");
    const failure = this.expectFailure(/was killed by SIGKILL before it was ready/, from);
    const started = await log.next(/generation \d+ \(pid \d+\) started$/, from);
    await sleep(after);
    // The candidate listens on nothing, so nobody loses anything by its end.
    process.kill(Number(/pid (\d+)/.exec(started)![1]), "SIGKILL");
    this.candidatesKilled++;
    return failure;
  }

  private async expectFailure(reason: RegExp, from: number): Promise<string | undefined> {
    const { unit } = this.service;
    this.asked++;
    const { status } = await unit.systemctl("reload", unit.service);
    if (status === 0) return "the reload did not fail";
    const line = await unit.log.next(/reload failed after/, from);
    if (!reason.test(line)) return `it failed for another reason: ${line}`;
    this.failedAsPlanned++;
    return undefined;
  }

  private servingPid(): number {
    const line = this.service.unit.log.matching(SERVING).at(-1)!;
    return Number(/pid (\d+)/.exec(line)![1]);
  }
}

const SERVING = /^zerodown: generation \d+ \(pid \d+\) serving: /;

/** @returns what went wrong in the supervisor's life */
export async function checkLife(service: SoakService, supervisor: number): Promise<string[]> {
  const { unit } = service;
  const wrong = unit.log.matching(/internal error|its cgroup stays|left behind|gets no cgroup/);
  if ((await unit.mainPid()) !== supervisor || processState(supervisor) === "")
    wrong.push(`${supervisor} is no longer the main process`);
  const restarts = await unit.property("NRestarts");
  if (restarts !== "0") wrong.push(`systemd restarted it ${restarts} times`);
  return wrong;
}
