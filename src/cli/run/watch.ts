// zerodown run --watch: for whoever writes the code. What has changed on disk is reloaded, when no more of it changes.

import { realpathSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { toBytes, toText } from "../../linux/bytes.js";
import { EX_OSERR } from "../../linux/exit-codes.js";
import { checkDirectory, TreeWatch } from "../../linux/watch-tree.js";
import type { Log } from "../../supervisor/log.js";
import type { Outside } from "../../supervisor/outside.js";
import type { Supervisor } from "../../supervisor/supervisor.js";
import { CommandError, UsageError } from "../errors.js";
import { explainLimit } from "./watch-limits.js";

/** A change is the last one when no other follows within that time: a save, a checkout, a build are many. ms */
const QUIET = 100;
/** Changes that never pause for so long are told of once: they may be the app's own. ms */
const LONG = 10_000;

interface Watcher {
  readonly supervisor: Pick<Supervisor, "reload" | "state">;
  readonly log: Log;
  readonly outside: Pick<Outside, "after" | "now">;
  readonly environment: NodeJS.ProcessEnv;
  /** Of the supervisor: files and directories that change with generations, and may be in one that is watched. Absolute. */
  readonly own: readonly string[];
  /** Generations that another supervisor has started serve, whatever can't be watched. */
  readonly goesOn: boolean;
}

/**
 * Watches directories for as long as this process lives.
 *
 * @param directories as given on the command line, bytes
 * @throws {CommandError} where one isn't there, or can't be watched
 */
export function startWatching(directories: readonly string[], watcher: Watcher): void {
  try {
    refuseInUnit(watcher.environment);
    watchDirectories(directories, watcher);
  } catch (error) {
    if (!watcher.goesOn) throw error;
    watcher.log("err", `${(error as Error).message}; nothing is watched`);
  }
}

function watchDirectories(directories: readonly string[], watcher: Watcher): void {
  const { log, own } = watcher;
  const roots = directories.map(directory => resolve(toBytes(process.cwd()), directory));
  for (const [index, root] of roots.entries()) check(root, directories[index]!);
  const burst = new Burst(watcher, () => tree.scan());
  let tree: TreeWatch;
  try {
    tree = new TreeWatch(
      roots,
      path => burst.add(path),
      error => log("err", `--watch: ${explainLimit(error)}; what is new there isn't watched`),
      new Set(own.map(realPath)),
    );
  } catch (error) {
    throw new CommandError(`--watch: ${explainLimit(error as NodeJS.ErrnoException)}`, EX_OSERR, { cause: error });
  }
  const { count } = tree;
  log(
    "info",
    `watching ${directories.map(toText).join(", ")} for changes: ${count} director${count === 1 ? "y" : "ies"}`,
  );
}

/** @throws {UsageError} in a unit: systemd watches there */
function refuseInUnit(environment: NodeJS.ProcessEnv): void {
  const { SYSTEMD_EXEC_PID, LISTEN_PID, NOTIFY_SOCKET } = environment;
  const pid = String(process.pid);
  if (SYSTEMD_EXEC_PID !== pid && LISTEN_PID !== pid && NOTIFY_SOCKET === undefined) return;
  throw new UsageError(
    "--watch is for writing code at a terminal. In a unit systemd watches: zerodown unit NAME --watch LINK prints the .path " +
      "unit that reloads when the link to a release is switched",
  );
}

function check(root: string, given: string): void {
  try {
    checkDirectory(root);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such directory" : message;
    throw new UsageError(`--watch ${toText(given)}: ${why}`);
  }
}

/** It need not be there yet. */
function realPath(path: string): string {
  try {
    return toBytes(`${realpathSync(dirname(path))}/${basename(path)}`);
  } catch {
    return toBytes(path);
  }
}

/** Changes that follow each other, until they pause. */
class Burst {
  private readonly paths = new Set<string>();
  private startedAt = 0;
  private isTold = false;
  private cancel: (() => void) | undefined;

  /** @param beforeReload called when they have paused */
  constructor(
    private readonly watcher: Watcher,
    private readonly beforeReload: () => void,
  ) {}

  add(path: string): void {
    const { log, outside } = this.watcher;
    if (this.paths.size === 0) this.startedAt = outside.now();
    this.paths.add(path);
    this.cancel?.();
    this.cancel = outside.after(QUIET, () => this.end());
    if (this.isTold || outside.now() - this.startedAt < LONG * 1e3) return;
    this.isTold = true;
    log("warning", `${shown(path)} and others change without a pause: a reload waits until they stay for ${QUIET} ms`);
  }

  private end(): void {
    const [first = "", ...others] = this.paths;
    this.paths.clear();
    this.isTold = false;
    const { supervisor, log } = this.watcher;
    // What an app writes when it is told to stop.
    if (supervisor.state.phase !== "running") return;
    this.beforeReload();
    log("info", `${shown(first)}${others.length > 0 ? ` and ${others.length} more` : ""} changed: reloading`);
    // Whoever saves again doesn't wait for a candidate that is out of date, or that hangs.
    void supervisor.reload(null, true);
  }
}

/** As people at that terminal name it. */
function shown(path: string): string {
  const here = `${toBytes(process.cwd())}/`;
  return toText(path.startsWith(here) ? path.slice(here.length) : path);
}
