// The tests of faults work on this: a service whose program deployments replace, its socket, and its supervisor.

import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { expect } from "@jest/globals";
import { eventually } from "./eventually.js";
import { askOnce } from "./line-client.js";
import { fdKinds, idle, killAllWith } from "./processes.js";
import { APPS, killSupervisors, ROOT, TestSupervisor, temporaryDirectory } from "./supervisor.js";

export interface ServiceOptions {
  /** Options of `zerodown run`. */
  args?: readonly string[];
  /** The first program; see `deploy`. */
  program?: string;
  /** The command, where it isn't the program that deployments replace. */
  command?: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** The user that the supervisor runs as. */
  uid?: number;
  /** Runs a copy of the command, which any user can read, and which finds no sd-notify package beside itself. */
  copied?: boolean;
}

export class TestService {
  /** The service's directory, for its program, its runtime directory, and what the test puts there. */
  readonly path: string;
  readonly program: string;
  /** The path of the socket that the service serves. */
  readonly address: string;
  private startedSupervisor: TestSupervisor | undefined;
  private readonly removeDirectory: () => void;
  private baseline: { fds: string[] } | undefined;
  /** The supervisor's threads when generation 1 began to serve. */
  threadsBefore = 0;

  constructor() {
    const { path, remove } = temporaryDirectory();
    this.path = path;
    this.program = `${path}/app`;
    this.address = `${path}/socket`;
    this.removeDirectory = remove;
    chmodSync(path, 0o755);
    mkdirSync(`${path}/run`);
    copyFileSync(`${APPS}answer.py`, `${path}/answer.py`);
    services.add(this);
  }

  get supervisor(): TestSupervisor {
    return this.startedSupervisor!;
  }

  /** Starts the supervisor; resolves when generation 1 serves and has answered. */
  async start({ program = answering("v1"), ...options }: ServiceOptions = {}): Promise<this> {
    this.deploy(program);
    this.launch(options);
    await this.supervisor.serving(1);
    expect(await this.ask()).toMatch(/ from generation 1$/);
    await idle(this.supervisor.pid);
    this.threadsBefore = this.threads();
    this.baseline = { fds: fdKinds(this.supervisor.pid) };
    return this;
  }

  /** Starts the supervisor, and waits for nothing. */
  launch({
    args = [],
    command = [this.program],
    env,
    uid,
    copied,
    ...options
  }: Omit<ServiceOptions, "program">): TestSupervisor {
    if (uid !== undefined) for (const path of [this.path, `${this.path}/run`]) chownSync(path, uid, uid);
    if (copied) cpSync(`${ROOT}dist`, `${this.path}/dist`, { recursive: true });
    this.startedSupervisor = new TestSupervisor(["--listen", this.address, ...args, "--", ...command], {
      ...options,
      ...(uid === undefined ? {} : { uid, gid: uid }),
      ...(copied ? { zerodown: `${this.path}/dist/zerodown.cjs` } : {}),
      env: { NOTIFY_SOCKET: undefined, RUNTIME_DIRECTORY: `${this.path}/run`, ...env },
    });
    return this.startedSupervisor;
  }

  /** Puts another program in place, as a deployment does: a shell script. */
  deploy(script: string): void {
    writeFileSync(`${this.program}.new`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    renameSync(`${this.program}.new`, this.program);
  }

  write(file: string, text: string): void {
    writeFileSync(`${this.path}/${file}`, text);
  }

  /** Resolves with what a new client is answered. */
  ask(): Promise<string> {
    return askOnce({ path: this.address });
  }

  /** Reloads, and returns the line of the log that tells the result, without its prefix. */
  async reload(): Promise<string> {
    return (await this.supervisor.reload()).replace(/^zerodown: /, "");
  }

  /** The number of the generation that was started last. */
  newest(): number {
    const [last] = this.supervisor.log.matching(/ started$/).slice(-1);
    return Number(/generation (\d+)/.exec(last!)![1]);
  }

  private get runtimeDirectory(): string {
    return `${this.path}/run/zerodown-${this.supervisor.pid}`;
  }

  /** The path of the socket by which that generation notifies the supervisor. */
  notifySocket(generation: number): string {
    return `${this.runtimeDirectory}/notify-${generation}`;
  }

  threads(): number {
    return readdirSync(`/proc/${this.supervisor.pid}/task`).length;
  }

  /** Lists what the supervisor holds besides itself. */
  holdings(): { fds: string[]; children: number; files: string[] } {
    const { pid } = this.supervisor;
    const files = readdirSync(this.runtimeDirectory).filter(file => file.startsWith("notify-"));
    return { fds: fdKinds(pid), children: this.supervisor.children().length, files: files.sort() };
  }

  /**
   * Asserts that this generation serves, that nothing is left of any other, and that the supervisor holds no more than
   * when generation 1 began to serve.
   *
   * @param leftFiles what a generation made of its notify socket, which isn't ours to remove
   */
  async expectOnly(generation: number, version: string, ...leftFiles: string[]): Promise<void> {
    const { fds } = this.baseline!;
    const files = [...leftFiles, `notify-${generation}`];
    await eventually(() => expect(this.holdings()).toEqual({ fds, children: 1, files }));
    expect(await this.ask()).toBe(`${version} from generation ${generation}`);
  }

  /** Deploys something good and asserts that it takes over with nothing left of what was before. */
  async expectRecovery(generation: number): Promise<void> {
    this.deploy(answering("good"));
    expect(await this.reload()).toMatch(new RegExp(`^generation ${generation} \\(pid \\d+\\) serving: ready after `));
    await this.expectOnly(generation, "good");
  }

  /** Ends the whole service, whatever state it is in, and what should be gone already, too. */
  async end(): Promise<void> {
    killAllWith(`RUNTIME_DIRECTORY=${this.path}/run`);
    await this.startedSupervisor?.ended;
    this.removeDirectory();
  }
}

/** A program that serves this version (see test/apps/answer.py). */
export function answering(version: string, ...ways: readonly string[]): string {
  return `exec /usr/bin/python3 -IS "\${0%/*}/answer.py" ${version} ${ways.join(" ")}`;
}

const services = new Set<TestService>();

/** For afterEach: nothing of a service outlives its test. */
export async function endServices(): Promise<void> {
  await Promise.all([...services].map(service => service.end()));
  services.clear();
  await killSupervisors();
}
