// Starts the built command for real, and lets a test await what it says.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { Lines } from "./lines.js";

/** From build/test/support/. */
export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const ZERODOWN = `${ROOT}dist/zerodown.cjs`;
/** The programs that tests run as children. */
export const APPS = `${ROOT}test/apps/`;
/** The example application: HTTP on descriptor 3, with a drain that loses nothing. */
export const EXAMPLE_APP = `${ROOT}docs/examples/app.mjs`;

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
}

/** A running `zerodown run`. */
export class TestSupervisor {
  /** What it, and its children, write to stderr. */
  readonly log = new Lines();
  /** What its children write to stdout. */
  readonly output = new Lines();
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;

  constructor(
    args: readonly string[],
    {
      zerodown = ZERODOWN,
      ...options
    }: { zerodown?: string; env?: NodeJS.ProcessEnv; cwd?: string; uid?: number; gid?: number } = {},
  ) {
    this.child = spawn(zerodown, ["run", ...args], {
      ...options,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout!.on("data", (data: Buffer) => this.output.add(data.toString()));
    this.child.stderr!.on("data", (data: Buffer) => this.log.add(data.toString()));
    this.ended = new Promise(resolve =>
      this.child.on("close", (status, signal) => {
        this.log.end();
        this.output.end();
        resolve({ status, signal });
      }),
    );
    running.add(this);
  }

  get pid(): number {
    return this.child.pid!;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
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

  /** With all of its generations: what ignores the signal that a dead supervisor leaves must not outlive the test. */
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
