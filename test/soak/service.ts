// A service of the soak is a unit by the template of units/, whose program deployments replace.

import { renameSync, rmSync, writeFileSync } from "node:fs";
import { loopback } from "../support/http-load.js";
import { ROOT } from "../support/supervisor.js";
import { type App, installApp, type TestUnit } from "../support/unit.js";
import { SOCKETS } from "./load.js";
import type { Broken } from "./plan.js";

const NODE = process.execPath;
/** Node's own limit is 5 s: a client that asks again after 4 s would meet it wherever it has to wait for CPU time. */
const SERVER = JSON.stringify({ keepAliveTimeout: 30_000 });
const GOOD = `SERVER='${SERVER}' exec ${NODE} ${ROOT}test/soak/app.mjs`;

/** Scripts for /bin/sh. */
const PROGRAMS: Partial<Record<Broken, string>> = {
  "exits with 1": "exit 1",
  "exits with 0": "exit 0",
  "dies of a signal": "kill -SEGV $$",
  "throws, in Node": `exec ${NODE} -e 'throw new Error("broken")'`,
  "leaves a daemon": "setsid sh -c \"trap '' INT TERM HUP; setsid sleep 1000\" & exit 1",
  "never gets ready": "exec sleep 1000",
};

/** The log says this of each, after "generation N …". */
export const REASONS: Record<Broken, RegExp> = {
  "exits with 1": /exited with status 1 before it was ready/,
  "exits with 0": /exited with status 0 before it was ready/,
  "dies of a signal": /was killed by SIGSEGV before it was ready/,
  "throws, in Node": /exited with status 1 before it was ready/,
  "leaves a daemon": /exited with status 1 before it was ready/,
  "is missing": /could not be started: ENOENT: /,
  "is not executable": /could not be started: EACCES: /,
  "is garbage": /could not be started: ENOEXEC: /,
  "never gets ready": /was not ready within 10(\.\d)?s and was killed/,
};

export class SoakService {
  readonly unit: TestUnit;
  readonly host: string;
  private readonly program: string;
  private readonly moreSockets: readonly string[];

  /**
   * @param options of `zerodown run`
   * @param queues how many accept queues each address has
   * @param install how the unit is installed, where that isn't the usual way: see installVersioned()
   */
  constructor(options = "", queues = 1, install: (app: App) => TestUnit = installApp) {
    const { host } = loopback();
    const { http, ...others } = SOCKETS;
    const listen = (port: number) => [
      ...(queues > 1 ? ["ReusePort=yes"] : []),
      ...Array.from({ length: queues }, () => `ListenStream=${host}:${port}`),
    ];
    this.host = host;
    this.unit = install({
      command: directory => `${directory}/app`,
      options: `--start-timeout 10s --fdstore-max 8 ${options}`,
      socket: ["ListenStream=", ...listen(http), "FileDescriptorName=http"],
      service: ["FileDescriptorStoreMax=8"],
    });
    this.program = `${this.unit.directory}/app`;
    this.moreSockets = Object.entries(others).map(([name, port]) => {
      const file = this.unit.socket.replace("@", `-${name}-`);
      const lines = [...listen(port), `FileDescriptorName=${name}`, "Backlog=4096"];
      this.unit.install(file, ["[Socket]", ...lines, `Service=${this.unit.service}`]);
      return file;
    });
  }

  async start(): Promise<void> {
    this.deploy();
    await this.unit.must("daemon-reload");
    await this.unit.must("start", ...this.moreSockets, this.unit.service);
    // Some things come with the first reload alone, and must not count as growth: above all systemd's cgroup for ExecReload=.
    await this.unit.reload();
  }

  /** Puts a program that is good, or broken, in place of the one that is there, as a deployment does. */
  deploy(how?: Broken): void {
    if (how === "is missing") return rmSync(this.program, { force: true });
    const script = how === undefined ? GOOD : (PROGRAMS[how] ?? "");
    const text = how === "is garbage" ? "\u007fELFgarbage" : `#!/bin/sh\n${script}\n`;
    this.put(text, how === "is not executable" ? 0o644 : 0o755);
  }

  /** The same with one that fails in the worker of that slot. */
  deployBroken(slot: number): void {
    this.put(`#!/bin/sh\n[ "$ZERODOWN_WORKER" = ${slot} ] && exit 1\n${GOOD}\n`, 0o755);
  }

  private put(text: string, mode: number): void {
    const path = `${this.program}.new`;
    writeFileSync(path, text, { mode });
    renameSync(path, this.program);
  }

  async remove(): Promise<void> {
    await this.unit.systemctl("stop", ...this.moreSockets);
    await this.unit.remove();
  }
}
