// A service whose app does what the test says, line by line: test/apps/puppet.py.

import { closeSync } from "node:fs";
import { native, SOCK_DGRAM } from "../../src/native/index.js";
import { APPS } from "./supervisor.js";
import { type App, installApp, type TestUnit } from "./unit.js";

export class Puppet {
  readonly unit: TestUnit;

  /**
   * @param app how it is installed, where that isn't the usual way: see installVersioned()
   * @param arguments_ those of the app; with "--silent" it doesn't become ready by itself
   */
  constructor(
    { install = installApp, ...app }: Omit<App, "command"> & { install?: (app: App) => TestUnit },
    ...arguments_: readonly string[]
  ) {
    const command = (directory: string) => ["/usr/bin/python3", `${APPS}puppet.py`, directory, ...arguments_].join(" ");
    this.unit = install({ ...app, command });
  }

  /** Tells the app what to do, and resolves when it has done that. */
  async run(command: string, generation = 1): Promise<void> {
    const from = this.unit.log.count;
    await this.begin(command, generation);
    await this.unit.log.next(new RegExp(`^${generation}> done: `), from);
  }

  /** Tells the app what to do next, once it listens, and waits for nothing else. */
  async begin(command: string, generation = 1): Promise<void> {
    await this.waits(generation);
    const fd = native.connectUnix(SOCK_DGRAM, `${this.unit.directory}/puppet-${generation}`);
    native.send(fd, command, []);
    closeSync(fd);
  }

  /** Resolves with the app's pid, once it listens. */
  async waits(generation: number): Promise<number> {
    const line = await this.unit.log.next(new RegExp(`^${generation}> waits \\d+$`));
    return Number(/\d+$/.exec(line)![0]);
  }

  /** Has the app send a message, with a descriptor of some kind. Resolves when the supervisor has taken it. */
  async send(text: string, kind?: string, generation = 1): Promise<void> {
    const escaped = text.replaceAll("\n", "\\n").replaceAll("\t", "\\t");
    await this.run(`send ${escaped}${kind ? ` with ${kind}` : ""}`, generation);
  }

  /** Runs systemd-notify, which waits until the supervisor has taken what it sends. */
  async systemdNotify(...args: readonly string[]): Promise<void> {
    await this.run(`sh systemd-notify ${args.map(arg => `'${arg}'`).join(" ")}`);
  }

  /** Returns what the app was passed, a line each, and its $FDSTORE. */
  async describe(generation: number): Promise<string[]> {
    const from = this.unit.log.count;
    await this.run("describe", generation);
    return this.unit.log.lines
      .slice(from)
      .flatMap(line => /^\d+> {3}?(.*)$/.exec(line)?.[1]?.trim() ?? [])
      .filter(line => !/^(done|waits)/.test(line));
  }
}

/** Begins a reload, with a candidate that waits to be told what to do. */
export async function beginReload(app: Omit<App, "command">) {
  const puppet = new Puppet(app, "--silent");
  const started = puppet.unit.start();
  await puppet.run("sh systemd-notify --ready");
  await started;
  const reload = puppet.unit.systemctl("reload", puppet.unit.service);
  await puppet.waits(2);
  return { puppet, unit: puppet.unit, reload };
}
