// Tells of changes below directories by inotify(7): one watch for each directory, and none below those that are ignored.

import { type FSWatcher, lstatSync, readdirSync, readlinkSync, type Stats, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { toPath } from "./bytes.js";

/** What others keep there changes with every command of theirs, and is no code of the app. */
const IGNORED_DIRECTORIES = new Set(["node_modules", "__pycache__", ".git", ".hg", ".svn"]);

/** What editors put beside a file while it is open, or while they save it: Emacs, Vim, GNOME's, KDE's, JetBrains'. NFS's, too. */
const TEMPORARY =
  /^\.#|^#.*#$|~$|^\..*\.sw[a-z]$|^\.sw[a-z]$|^4913$|^\.goutputstream-|\.kate-swp$|___jb_(?:tmp|old)___$|^\.nfs[0-9a-f]+$/;

/** As many as the kernel follows in one path. */
const MOST_LINKS = 40;

interface Watched {
  readonly watcher: FSWatcher;
  /** See identityOf(). */
  readonly identity: string;
}

/** All paths are absolute, and strings of bytes (linux/bytes.ts). */
export class TreeWatch {
  /** By path. */
  private readonly watched = new Map<string, Watched>();
  /** Directories that are watched as a whole. */
  private whole = new Set<string>();
  /** In other directories the entries that lead to a root: a symbolic link that may be switched, or what isn't there yet. */
  private steps = new Map<string, Set<string>>();
  /** Paths at which, and below which, something else may be now. */
  private readonly stale = new Set<string>();
  private scanning: NodeJS.Immediate | undefined;
  /** Why not all could be watched by the look that is under way. */
  private problem: unknown;
  private isTold = false;

  /**
   * @param roots directories, which may be removed and made again; a path may lead through symbolic links that are switched
   * @param onChange called with the path of each file or directory that was changed, made or removed
   * @param onProblem called where a directory that was made since can't be watched, once until all can be again
   * @param except real paths: whatever happens there doesn't count
   * @throws what watch() of node:fs does: ENOSPC and EMFILE where the limits of inotify(7) are reached
   */
  constructor(
    private readonly roots: readonly string[],
    private readonly onChange: (path: string) => void,
    private readonly onProblem: (error: NodeJS.ErrnoException) => void,
    private readonly except: ReadonlySet<string> = new Set(),
  ) {
    try {
      this.look();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** How many directories are watched as a whole. */
  get count(): number {
    return this.whole.size;
  }

  /** Looks for all directories again: of very many events that come at once the kernel leaves some out. */
  scan(): void {
    for (const [path, { identity }] of this.watched) if (identityOf(path) !== identity) this.stale.add(path);
    this.lookAgain();
  }

  close(): void {
    clearImmediate(this.scanning);
    for (const path of [...this.watched.keys()]) this.drop(path);
  }

  private lookAgain(): void {
    clearImmediate(this.scanning);
    this.scanning = undefined;
    try {
      this.look();
      this.isTold = false;
    } catch (error) {
      if (!this.isTold) this.onProblem(error as NodeJS.ErrnoException);
      this.isTold = true;
    }
  }

  /** @throws what kept one of the directories from being watched; the others are */
  private look(): void {
    if (this.stale.size > 0) for (const path of [...this.watched.keys()]) if (this.isStale(path)) this.drop(path);
    this.stale.clear();
    this.whole = new Set();
    this.steps = new Map();
    for (const root of this.roots) this.enter(root);
    for (const path of [...this.watched.keys()]) if (!this.whole.has(path) && !this.steps.has(path)) this.drop(path);
    const { problem } = this;
    this.problem = undefined;
    if (problem !== undefined) throw problem;
  }

  private isStale(path: string): boolean {
    for (let at = path; at !== "/"; at = dirname(at)) if (this.stale.has(at)) return true;
    return false;
  }

  private enter(root: string): void {
    const { real, steps } = resolveLinks(root);
    for (const [directory, name] of steps) {
      const names = this.steps.get(directory) ?? new Set();
      this.steps.set(directory, names.add(name));
      this.open(directory);
    }
    if (real !== undefined) this.walk(real);
  }

  private walk(directory: string): void {
    if (this.whole.has(directory) || this.except.has(directory)) return;
    // It is watched before it is read, so that nothing is made in between unseen.
    if (!this.open(directory)) return;
    this.whole.add(directory);
    const read = () => readdirSync(toPath(directory), { withFileTypes: true, encoding: "latin1" });
    for (const entry of this.attempt(read) ?? []) {
      if (entry.isDirectory() && !isIgnored(entry.name)) this.walk(join(directory, entry.name));
    }
  }

  /** @returns whether it is watched: not where it is gone, or may not be read */
  private open(directory: string): boolean {
    if (this.watched.has(directory)) return true;
    const watcher = this.attempt(() => watch(toPath(directory), { encoding: "latin1", persistent: false } as never));
    if (!watcher) return false;
    watcher.on("change", (kind, name) => this.happened(directory, kind, name as string | null));
    watcher.on("error", () => this.drop(directory));
    this.watched.set(directory, { watcher, identity: identityOf(directory) });
    return true;
  }

  /** One directory that can't be watched must not keep us from the others. */
  private attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!isOutOfReach(error)) this.problem ??= error;
      return undefined;
    }
  }

  private drop(directory: string): void {
    this.watched.get(directory)?.watcher.close();
    this.watched.delete(directory);
  }

  private happened(directory: string, kind: string, name: string | null): void {
    // The directory in which a root is awaited may go, too: by its own name.
    const isOfRoot = name === null || this.steps.get(directory)?.has(name) || this.awaitsIn(directory, name);
    if (!isOfRoot && (!this.whole.has(directory) || isIgnored(name))) return;
    const entry = name === null ? directory : join(directory, name);
    if (this.except.has(entry)) return;
    this.onChange(kind === "rename" ? this.lookAt(directory, entry) : entry);
  }

  private awaitsIn(directory: string, name: string): boolean {
    return this.steps.has(directory) && name === basename(directory);
  }

  /**
   * Something was made, removed, or has another name: directories among it are watched, or no longer.
   *
   * @returns what it was
   */
  private lookAt(directory: string, entry: string): string {
    const stats = statOf(entry);
    // A directory tells its own end by its own name.
    const what = !stats && basename(entry) === basename(directory) ? directory : entry;
    const isWatched = this.watched.has(what);
    if (isWatched) this.stale.add(what);
    const leads = this.steps.get(directory)?.has(basename(entry));
    if (isWatched || leads || stats?.isDirectory()) this.scanning ??= setImmediate(() => this.lookAgain());
    return what;
  }
}

/** The real path, undefined where there is no directory, and the entries on the way there whose change leads elsewhere. */
function resolveLinks(path: string): { real: string | undefined; steps: [directory: string, name: string][] } {
  const steps: [string, string][] = [];
  let left = namesIn(path);
  let at = "/";
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    const next = name === ".." ? dirname(at) : join(at, name);
    const stats = statOf(next);
    if (stats?.isDirectory()) {
      at = next;
      continue;
    }
    steps.push([at, name]);
    if (!stats?.isSymbolicLink() || steps.length > MOST_LINKS) return { real: undefined, steps };
    const target = readlinkSync(toPath(next), "latin1");
    left = [...namesIn(target), ...left];
    if (target.startsWith("/")) at = "/";
  }
  return { real: at, steps };
}

function namesIn(path: string): string[] {
  return path.split("/").filter(name => name !== "" && name !== ".");
}

function join(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

function isIgnored(name: string): boolean {
  return IGNORED_DIRECTORIES.has(name) || TEMPORARY.test(name);
}

/** Of a symbolic link its own; undefined for what isn't there. */
function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(toPath(path));
  } catch (error) {
    if (isOutOfReach(error)) return undefined;
    throw error;
  }
}

/** Another one that is made at the same path may have its inode, but not its time of birth. */
function identityOf(path: string): string {
  const { ino, birthtimeMs } = statOf(path) ?? {};
  return `${ino} ${birthtimeMs}`;
}

/** It is gone, or isn't what it was, or is nothing that we may look at. */
function isOutOfReach(error: unknown): boolean {
  return /^(?:ENOENT|ENOTDIR|EACCES|ELOOP|ENAMETOOLONG)$/.test((error as NodeJS.ErrnoException).code ?? "");
}

/** @throws {Error} in words where there is no such directory, or it may not be read */
export function checkDirectory(path: string): void {
  if (!statSync(toPath(path)).isDirectory()) throw new Error("it isn't a directory");
  readdirSync(toPath(path));
}
