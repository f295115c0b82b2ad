// A server as `zerodown unit --for` prints its units, with releases made from the files in docs/examples/servers.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Server } from "../../src/cli/unit/server.js";
import { SERVERS } from "../../src/cli/unit/servers.js";
import { type Result, TestCommand } from "./command.js";
import { followFile } from "./follow.js";
import { loopback } from "./http-load.js";
import type { Lines } from "./lines.js";
import { ROOT, temporaryDirectory, ZERODOWN } from "./supervisor.js";
import { installUnits, zerodown } from "./user-manager.js";

export type ServerName = keyof typeof SERVERS;

/**
 * Whether the server may hang once it has answered everything; then it is killed, and the log has HUNG. Only puma may, as its
 * note says, and not with Ruby 3.1.
 */
export function mayHang(server: string): boolean {
  if (server !== "puma") return false;
  const { stdout } = spawnSync("ruby", ["-e", "print RUBY_VERSION"], { encoding: "utf8" });
  return !stdout.startsWith("3.1.");
}
export const HUNG = /did not stop in time and was killed/;

export class ServerUnit {
  readonly address = loopback();
  readonly name: string;
  readonly log: Lines;
  readonly directory: string;
  private readonly server: Server;
  private readonly closers: (() => void)[] = [];

  constructor(readonly kind: ServerName) {
    this.server = SERVERS[kind];
    this.name = `zerodown-${kind}-${process.pid}`;
    const { path, remove } = temporaryDirectory();
    this.directory = path;
    this.closers.push(remove);
    writeFileSync(`${path}/log`, "");
    const { lines, close } = followFile(`${path}/log`);
    this.log = lines;
    this.closers.push(close);
    units.add(this);
  }

  /**
   * Prints the units for the example's command, whose files are here and not in /srv/app, and installs them.
   *
   * @param options more of zerodown run
   * @param moreArguments of the command
   */
  install(options: readonly string[], moreArguments: readonly string[]): void {
    const { host, port } = this.address;
    const command = [...this.server.command.map(word => this.placed(word)), ...moreArguments];
    const args = [
      "--user",
      "--for",
      this.kind,
      "--listen",
      `${host}:${port}`,
      "--zerodown",
      ZERODOWN,
      ...options,
      this.name,
    ];
    const { status, stdout, stderr } = zerodown("unit", ...args, "--", ...command);
    if (status !== 0) throw new Error(`zerodown unit: ${stderr}`);
    const [service = "", socket = ""] = stdout.split(/^(?=# \S+\.socket$)/m);
    const log = `append:${this.directory}/log`;
    installUnits({
      [`${this.name}.service`]: service.replaceAll(`/srv/${this.name}/current`, `${this.directory}/current`),
      [`${this.name}.socket`]: socket,
      // The sandbox has no journal.
      [`${this.name}.service.d/log.conf`]: `[Service]\nStandardOutput=${log}\nStandardError=${log}\n`,
    });
  }

  /** Puts a release there that answers with that text, and `current` on it. */
  deploy(release: string, text: string, change: (text: string, file: string) => string): void {
    const directory = `${this.directory}/releases/${release}`;
    for (const file of this.server.files) {
      const example = readFileSync(`${ROOT}docs/examples/servers/${this.kind}/${file}`, "utf8");
      const path = `${directory}/${file}`;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, change(this.placed(example.replace("Hello", text)), file));
    }
    if (this.kind === "go") buildGo(directory);
    const modules = `${directory}/node_modules`;
    mkdirSync(modules);
    symlinkSync(ROOT, `${modules}/zerodown`);
    symlinkSync(`releases/${release}`, `${this.directory}/new`);
    renameSync(`${this.directory}/new`, `${this.directory}/current`);
  }

  systemctl(...args: readonly string[]): Promise<Result> {
    return new TestCommand("systemctl", ["--user", ...args]).ended;
  }

  async must(command: string, suffix = ".service"): Promise<void> {
    const { status, stderr } = await this.systemctl(command, `${this.name}${suffix}`);
    if (status !== 0) throw new Error(`systemctl ${command}: ${stderr}\n${this.log.lines.join("\n")}`);
  }

  close(): void {
    units.delete(this);
    for (const close of this.closers.splice(0).reverse()) close();
  }

  private placed(text: string): string {
    const { host, port } = this.address;
    const { listen } = this.server;
    return text
      .replaceAll(listen, `${host}:${port}`)
      .replaceAll('"0.0.0.0"', `"${host}"`)
      .replace(/^\/usr\/bin\/(?:node|deno)$/, programPath)
      .replaceAll("/srv/app/current", `${this.directory}/current`);
  }
}

const DENO = `${ROOT}test/servers/node_modules/@deno/linux-${process.arch}-glibc/deno`;

/** Where it is here: Debian has neither Node 20 nor Deno. */
export function programPath(program: string): string {
  if (program === "/usr/bin/node") return process.execPath;
  return program === "/usr/bin/deno" ? DENO : program;
}

/** What can't be compiled is as broken when it is deployed. */
export function buildGo(directory: string): void {
  const env = { ...process.env, CGO_ENABLED: "0", GOCACHE: `${ROOT}build/go`, GOFLAGS: "-mod=mod" };
  const { status, stderr } = spawnSync("go", ["build", "serve.go"], { cwd: directory, env, encoding: "utf8" });
  if (status === 0) return;
  if (!readFileSync(`${directory}/serve.go`, "utf8").includes("broken on purpose")) throw new Error(stderr);
  writeFileSync(`${directory}/serve`, "broken on purpose\n", { mode: 0o755 });
}

const units = new Set<ServerUnit>();

/** For afterEach, after removeUnits. */
export function closeServerUnits(): void {
  for (const unit of units) unit.close();
}
