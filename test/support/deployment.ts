// A supervisor whose app is a shell script in a directory of its own. A test deploys another script, and the next generation
// runs that.

import { renameSync, writeFileSync } from "node:fs";
import { killCommands } from "./command.js";
import { killSupervisors, TestSupervisor, temporaryDirectory } from "./supervisor.js";

export class Deployment {
  private readonly directory = temporaryDirectory();

  constructor() {
    this.deploy("exec >&-; echo >&$ZERODOWN_READY_FD; exec sleep infinity");
  }

  get path(): string {
    return this.directory.path;
  }

  get command(): string {
    return `${this.path}/app`;
  }

  deploy(script: string): void {
    // bash reads a script as it goes, so the new one must not be written into the old file.
    writeFileSync(`${this.path}/new`, `#!/bin/bash\n${script}\n`, { mode: 0o755 });
    renameSync(`${this.path}/new`, this.command);
  }

  /** Starts a supervisor, and waits until the script says that it is ready. */
  async started(...options: string[]): Promise<TestSupervisor> {
    const supervisor = new TestSupervisor(["--ready", "fd", ...options, "--", this.command]);
    await supervisor.serving(1);
    return supervisor;
  }

  async end(): Promise<void> {
    await killCommands();
    await killSupervisors();
    this.directory.remove();
  }
}
