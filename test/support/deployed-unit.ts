// A service of the template unit with a stream socket, whose program a test replaces as a deployment does.

import { copyFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { askOnce } from "./line-client.js";
import { APPS } from "./supervisor.js";
import { installApp, type TestUnit } from "./unit.js";

export class DeployedUnit {
  readonly unit: TestUnit;
  private readonly address: string;

  constructor(options = "") {
    this.unit = installApp({
      command: directory => `${directory}/app`,
      options,
      service: ["RestartSec=100ms"],
    });
    copyFileSync(`${APPS}answer.py`, `${this.unit.directory}/answer.py`);
    const [, instance] = this.unit.name.split("@");
    this.address = `${process.env.XDG_RUNTIME_DIR}/zerodown/${instance}.sock`;
  }

  deploy(script: string): void {
    const app = `${this.unit.directory}/app`;
    writeFileSync(`${app}.new`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    renameSync(`${app}.new`, app);
  }

  /** Returns what a new client is answered. */
  ask(): Promise<string> {
    return askOnce({ path: this.address });
  }

  async reload(): Promise<void> {
    await this.unit.must("reload", this.unit.service);
  }

  /** Begins a reload whose outcome nobody waits for. */
  async beginReload(): Promise<void> {
    await this.unit.must("--no-block", "reload", this.unit.service);
  }

  /** The pids of all processes of the unit. */
  async processes(): Promise<number[]> {
    const directory = `/sys/fs/cgroup${await this.unit.property("ControlGroup")}`;
    return readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter(file => /(^|\/)cgroup\.procs$/.test(file))
      .flatMap(file => readFileSync(`${directory}/${file}`, "utf8").split("\n").filter(Boolean).map(Number));
  }
}
