// Runs the units of units/ as an operator would: installed, with drop-ins for an app's own settings, by systemctl.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { followFile } from "./follow.js";
import type { Lines } from "./lines.js";
import { followProperties } from "./properties.js";
import { ROOT, temporaryDirectory } from "./supervisor.js";

/** Where an operator's files go; %E in a unit. */
const CONFIG = process.env.XDG_CONFIG_HOME;
const UNIT_FILES = `${CONFIG}/systemd/user`;

export interface Result {
  status: number;
  stdout: string;
  stderr: string;
}

export interface DropIns {
  /** Lines of the service's [Service]; they may name the unit's directory. */
  readonly service?: readonly string[] | ((directory: string) => readonly string[]);
  /** Lines of the socket's [Socket]. */
  readonly socket?: readonly string[];
}

export interface App extends DropIns {
  /** The operator writes this command into the instance's file; it may name the unit's directory. */
  readonly command: string | ((directory: string) => string);
  readonly options?: string | ((directory: string) => string);
}

/** A service with its socket unit. */
export class TestUnit {
  readonly service: string;
  readonly socket: string;
  /** The lines that the service writes to stdout and stderr, over all its starts. */
  readonly log: Lines;
  /** A directory for files of the test; it goes with the unit. */
  readonly directory: string;
  private readonly closers: (() => void)[] = [];

  /**
   * @param name without suffix
   * @param template the unit of units/ that it is made from, without suffix
   */
  constructor(
    readonly name: string,
    template: string,
    dropIns: DropIns,
  ) {
    this.service = `${name}.service`;
    this.socket = `${name}.socket`;
    const { path, remove } = temporaryDirectory();
    this.directory = path;
    this.closers.push(remove);
    const log = `${path}/log`;
    writeFileSync(log, "");
    const { lines, close } = followFile(log);
    this.log = lines;
    this.closers.push(close);
    for (const suffix of ["service", "socket"]) installAsItIs(`${template}.${suffix}`);
    // The sandbox has no journal.
    const output = [`StandardOutput=append:${log}`, `StandardError=append:${log}`];
    const { service = [] } = dropIns;
    const own = typeof service === "function" ? service(path) : service;
    this.install(`${this.service}.d/test.conf`, ["[Service]", ...output, ...own]);
    this.install(`${this.socket}.d/test.conf`, ["[Socket]", ...(dropIns.socket ?? [])]);
    units.add(this);
  }

  /** Writes one more file beside the unit files. */
  install(file: string, lines: readonly string[]): void {
    const path = `${UNIT_FILES}/${file}`;
    mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    writeFileSync(path, `${lines.join("\n")}\n`);
    this.closers.push(() => rmSync(path));
  }

  /** Runs systemctl, whatever comes of it; status -1 says that it took longer than jest gives a test. */
  async systemctl(...args: string[]): Promise<Result> {
    return new Promise(resolve =>
      execFile("systemctl", ["--user", ...args], { timeout: 80_000 }, (error, stdout, stderr) =>
        resolve({ status: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
      ),
    );
  }

  /** Runs systemctl; throws where it fails. */
  async must(...args: string[]): Promise<void> {
    const { status, stdout, stderr } = await this.systemctl(...args);
    if (status !== 0) {
      const log = this.log.lines.join("\n");
      throw new Error(`systemctl ${args.join(" ")}: exit status ${status}\n${stdout}${stderr}${log}`);
    }
  }

  /** Opens the unit's sockets: the first connection starts the service. */
  async listen(): Promise<void> {
    await this.must("daemon-reload");
    await this.must("start", this.socket);
  }

  /** A start that a first client has caused is over. Until then systemd takes a reload for a part of it. */
  async started(): Promise<void> {
    await this.must("start", this.service);
  }

  async start(): Promise<void> {
    await this.must("daemon-reload");
    await this.must("start", this.service);
  }

  async stop(): Promise<void> {
    await this.must("stop", this.service);
  }

  async reload(): Promise<void> {
    await this.must("reload", this.service);
  }

  async property(name: string, unit = this.service): Promise<string> {
    const { stdout } = await this.systemctl("show", "--value", "--property", name, unit);
    return stdout.trim();
  }

  async mainPid(): Promise<number> {
    return Number(await this.property("MainPID"));
  }

  /** The service's properties as they change from now on. */
  async follow(): Promise<Lines> {
    const { changes, close } = await followProperties(this.service);
    this.closers.push(close);
    return changes;
  }

  /** Resolves with the pid when that generation serves. */
  async serving(generation: number, from = 0): Promise<number> {
    const line = await this.log.next(new RegExp(`generation ${generation} \\(pid \\d+\\) serving: `), from);
    return Number(/pid (\d+)/.exec(line)![1]);
  }

  /** Stops the unit and leaves nothing of it. */
  async remove(): Promise<void> {
    units.delete(this);
    await this.systemctl("stop", this.socket, this.service);
    await this.systemctl("reset-failed", this.socket, this.service);
    for (const close of this.closers.splice(0).reverse()) close();
  }
}

/** Installs an app by the template unit, its instance named at random. */
export function installApp({ command, options = "", ...dropIns }: App): TestUnit {
  const instance = `test${randomBytes(4).toString("hex")}`;
  const unit = new TestUnit(`zerodown@${instance}`, "zerodown@", dropIns);
  const [line, given] = [command, options].map(text => (typeof text === "string" ? text : text(unit.directory)));
  unit.install(`../../zerodown/${instance}.conf`, [`ZERODOWN_COMMAND=${line}`, `ZERODOWN_OPTIONS=${given}`]);
  return unit;
}

const units = new Set<TestUnit>();

/** For afterEach: no unit outlives its test. */
export async function removeUnits(): Promise<void> {
  await Promise.all([...units].map(unit => unit.remove()));
}

/** Installs a file in one go, because another test may be about to read it; for that reason it stays, too. */
function installAsItIs(file: string): void {
  mkdirSync(UNIT_FILES, { recursive: true });
  const copy = `${UNIT_FILES}/.${file}-${randomBytes(4).toString("hex")}`;
  copyFileSync(`${ROOT}units/${file}`, copy);
  renameSync(copy, `${UNIT_FILES}/${file}`);
}
