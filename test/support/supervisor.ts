// Starts the built command for real, and lets a test await what it says.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Lines } from "./lines.js";
import { type Ended, TestProcess } from "./test-process.js";

/** The project, from build/test/support/. */
export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const ZERODOWN = `${ROOT}dist/zerodown.cjs`;
/** The programs that tests run as children. */
export const APPS = `${ROOT}test/apps/`;
/** The example application: HTTP on descriptor 3, with a drain that loses nothing. */
export const EXAMPLE_APP = `${ROOT}docs/examples/app.mjs`;

/** A running `zerodown run`. */
export class TestSupervisor extends TestProcess {
  constructor(
    args: readonly string[],
    {
      zerodown = ZERODOWN,
      ...options
    }: { zerodown?: string; env?: NodeJS.ProcessEnv; cwd?: string; uid?: number; gid?: number } = {},
  ) {
    super(zerodown, ["run", ...args], options);
    running.add(this);
  }

  /** The lines that it and its children write to stderr. */
  get log(): Lines {
    return this.errors;
  }

  /** Reloads, and returns the log line that tells the result. */
  async reload(): Promise<string> {
    const from = this.log.count;
    this.signal("SIGHUP");
    return this.log.next(/serving: |reload failed/, from);
  }

  /** Resolves with the pid when that generation serves. */
  async serving(generation: number): Promise<number> {
    const line = await this.log.next(new RegExp(`generation ${generation} \\(pid \\d+\\) serving: `));
    return Number(/pid (\d+)/.exec(line)![1]);
  }

  /** Pids of its direct children, zombies included. */
  children(): number[] {
    const text = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "utf8");
    return text.split(" ").filter(Boolean).map(Number);
  }

  openFds(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  async stop(): Promise<Ended> {
    this.signal("SIGTERM");
    return this.ended;
  }

  /**
   * Kills all its generations, too: one that ignores the signal that a dead supervisor leaves must not outlive the
   * test.
   */
  async kill(): Promise<void> {
    const children = existsSync(`/proc/${this.pid}`) ? this.children() : [];
    this.signal("SIGKILL");
    for (const pid of children) spawnSync("kill", ["-KILL", "--", `-${pid}`]);
    await this.ended;
  }
}

const running = new Set<TestSupervisor>();

/** For afterEach: no supervisor outlives its test. */
export async function killSupervisors(): Promise<void> {
  await Promise.all([...running].map(supervisor => supervisor.kill()));
  running.clear();
}

/** A directory for one test; `remove` is for its end. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(`${tmpdir()}/zerodown-test-`);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
