// Gathers all that `zerodown check` looks at: a unit's properties, its sockets, the command it runs and the process that runs it.

import { readFileSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, resolve } from "node:path";
import { migratesRequests } from "../../linux/sockets/listeners.js";
import type { Manager, Scope, UnitProperties } from "../../systemd/dbus.js";
import { parseTimeSpan } from "../../systemd/formats/time-span.js";
import { isCommandError } from "../errors.js";
import { parseRunOptions, type RunOptions } from "../run/options.js";
import { fileSetting } from "../unit-settings.js";
import { commandOf, type ExecCommand, execCommands, findZerodown, list } from "./command-line.js";
import { lookUp, type Programs } from "./look-up.js";

export interface SocketUnit {
  readonly name: string;
  readonly properties: UnitProperties;
}

export interface Facts {
  readonly unit: string;
  readonly scope: Scope;
  readonly service: UnitProperties;
  /** The .socket units that start it, and the one of its name even if that does not. */
  readonly sockets: readonly SocketUnit[];
  readonly start: ExecCommand;
  readonly reload: readonly ExecCommand[];
  /** The arguments that follow `zerodown run` in ExecStart=; null where they can't be told. */
  readonly runArguments: readonly string[] | null;
  /** These arguments, read; undefined where they can't be. */
  readonly run: RunOptions | undefined;
  /** The text of the app's own configuration, where it can be told which file that is, and it can be read. */
  readonly configuration: string | undefined;
  /** Why zerodown would refuse them. */
  readonly runError: string | undefined;
  /** The command line of its main process, if it has one that can be seen. */
  readonly mainProcess: readonly string[] | undefined;
  /** The command `zerodown` of the unit, else ours. */
  readonly zerodown: string;
  /** WorkingDirectory=, without its symbolic links; undefined where it has none. */
  readonly realDirectory: string | undefined;
  /** WatchdogSec=, in µs; 0 or `Infinity` for none. */
  readonly watchdog: number;
  /** The programs that systemd, or the launcher, doesn't find. */
  readonly programs: Programs;
  /** The part of MemoryCurrent= that holds files' contents, bytes: the kernel gives it up by itself. */
  readonly pageCache: number;
  /** See linux/sockets/listeners.ts. */
  readonly migratesRequests: boolean | undefined;
  /** The manager's own runtime directory, which RUNTIME_DIRECTORY is in. */
  readonly runtimeRoot: string;
  /** In which the manager starts what has no WorkingDirectory=. */
  readonly defaultDirectory: string;
}

/** @throws {ManagerError} */
export async function readFacts(unit: string, scope: Scope, manager: Manager): Promise<Facts> {
  const service = await manager.unitProperties(unit);
  const known = list(service.TriggeredBy).filter(name => name.endsWith(".socket"));
  // A socket that nobody has loaded yet isn't known to be the service's; and with Accept=yes it isn't.
  const [prefix = ""] = unit.replace(/\.service$/, "").split("@");
  const sockets: SocketUnit[] = [];
  for (const name of new Set([...known, `${prefix}.socket`, unit.replace(/\.service$/, ".socket")])) {
    const properties = await manager.unitProperties(name);
    const isOurs = known.includes(name) || list(properties.Triggers).includes(unit) || properties.Accept;
    if (properties.LoadState === "loaded" && isOurs) sockets.push({ name, properties });
  }
  const pid = Number(service.MainPID ?? 0);
  const runtimeRoot = scope === "system" ? "/run" : (process.env.XDG_RUNTIME_DIR ?? `/run/user/${process.getuid!()}`);
  const commands = [service.ExecStart, service.ExecReload]
    .flatMap(execCommands)
    .map(({ path, args }) => [path, ...args]);
  const files = ((service.EnvironmentFiles ?? []) as [string, boolean][]).map(([path]) => readText(path)).join("\n");
  return deduceFacts({
    unit,
    scope,
    service,
    sockets,
    mainProcess: pid === 0 ? undefined : commandOf(pid),
    realDirectory: realDirectory(service),
    watchdog: watchdogOf(service),
    programs: lookUp(service, commands, await manager.environment(), files),
    pageCache: pageCache(service),
    migratesRequests: migratesRequests(),
    runtimeRoot,
    defaultDirectory: scope === "system" ? "/" : homedir(),
  });
}

type Deduced = "start" | "reload" | "runArguments" | "run" | "runError" | "zerodown" | "configuration";

/** Adds what follows from the properties. */
export function deduceFacts(facts: Omit<Facts, Deduced>): Facts {
  const [start = { path: "", args: [], ignoresFailure: false }] = execCommands(facts.service.ExecStart);
  const command = [start.path, ...start.args];
  const index = findZerodown(command, "run");
  const theirs = command[index] ?? "";
  const isThere = !facts.programs.missing.includes(theirs);
  const runArguments = index < 0 ? null : command.slice(index + 2);
  const run = readRun(runArguments);
  return {
    ...facts,
    start,
    reload: execCommands(facts.service.ExecReload),
    runArguments,
    ...run,
    configuration: run.run && configurationOf(run.run),
    zerodown: isThere && (index === 0 || theirs.startsWith("/")) ? theirs : resolve(process.argv[1]!),
  };
}

function readRun(args: readonly string[] | null): Pick<Facts, "run" | "runError"> {
  const end = args?.indexOf("--") ?? -1;
  // Variables are put in only when it starts.
  const isOpen =
    args?.slice(0, end < 0 ? undefined : end).some(word => word.includes("$")) || args?.[end + 1]?.[0] === "$";
  if (args === null || isOpen) return { run: undefined, runError: undefined };
  try {
    return { run: parseRunOptions(args) ?? undefined, runError: undefined };
  } catch (error) {
    if (!isCommandError(error)) throw error;
    return { run: undefined, runError: error.message };
  }
}

/** D-Bus tells it of a service that runs only; of another its files do. */
function watchdogOf(properties: UnitProperties): number {
  const { WatchdogUSec, MainPID } = properties;
  if (MainPID) return Number(WatchdogUSec) >= 2 ** 64 ? Number.POSITIVE_INFINITY : Number(WatchdogUSec);
  try {
    return parseTimeSpan(fileSetting(properties, "WatchdogSec") ?? "0");
  } catch {
    return 0;
  }
}

/** The file that --config names, as gunicorn and puma have it, or the one where puma looks for it. */
function configurationOf({ command, workingDirectory = "/" }: RunOptions): string | undefined {
  const [, named] = /(?<= )(?:--config[= ]|-[cC] )(\S+)/.exec(command.join(" ")) ?? [];
  const usual = basename(command[0]!) === "puma" ? "config/puma.rb" : undefined;
  const file = named ?? usual;
  return file && (readText(resolve(workingDirectory, file)) || undefined);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function pageCache({ ControlGroup }: UnitProperties): number {
  const stat = ControlGroup ? readText(`/sys/fs/cgroup${ControlGroup}/memory.stat`) : "";
  return [...stat.matchAll(/^(?:in)?active_file (\d+)$/gm)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** Only of a directory that was chosen: not the user's home, nor one inside an image. */
function realDirectory({ WorkingDirectory, RootDirectory, RootImage }: UnitProperties): string | undefined {
  const directory = String(WorkingDirectory ?? "").replace(/^!/, "");
  if (!directory.startsWith("/") || directory === homedir() || RootDirectory || RootImage) return undefined;
  try {
    return realpathSync(directory);
  } catch {
    return undefined;
  }
}
