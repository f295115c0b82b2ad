// Cgroups of our own, below the unit's, where systemd delegates that to us: Delegate= in systemd.resource-control(5),
// cgroups(7).

import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { watchAlarm } from "../../native/alarm.js";
import { isDelegated, isUnit } from "./delegation.js";

const ROOT = "/sys/fs/cgroup";
/** statfs(2) says so of it where cgroup v2 is all there is. */
const CGROUP2_MAGIC = 0x63677270;
/** Where this process goes: beside processes, a cgroup can't share out its controllers among cgroups below it. */
const OWN_LEAF = "supervisor";
const PREFIX = "generation-";
const WORKER_PREFIX = "worker-";
/** What `zerodown status` reads of. */
const CONTROLLERS = ["memory", "pids"];

/** What it takes to go on with a unit's cgroup: plain data, which JSON can hold. */
export interface SavedUnitCgroup {
  readonly directory: string;
  readonly groups: readonly (readonly [number, string])[];
  readonly controllers: readonly string[];
}

/** The cgroup of this process's unit. */
export class UnitCgroup {
  /** The cgroups around those of workers, by generation. */
  private groups = new Map<number, string>();
  /** What is turned on for the cgroups below. */
  private controllers: readonly string[] = [];

  private constructor(private readonly directory: string) {}

  /**
   * Takes possession of the unit's cgroup: this process moves into a leaf of it, unless systemd started it in one
   * (DelegateSubgroup=), and what it takes to see what each generation uses is turned on.
   *
   * @param onMissing called with a line for people when that can't be turned on
   * @returns undefined when it isn't delegated to us
   * @throws {NodeJS.ErrnoException} when it is, but can't be used
   */
  static take(environment: NodeJS.ProcessEnv, onMissing: (what: string) => void): UnitCgroup | undefined {
    // Only the process that systemd started may go on: who inherited this variable shares the cgroup with others.
    if (environment.SYSTEMD_EXEC_PID !== String(process.pid)) return undefined;
    const own = ownCgroup();
    // Another supervisor's generation: it ends with all that is in it.
    if (own === undefined || isOfGeneration(own)) return undefined;
    // With DelegateSubgroup= systemd starts a unit's main process below the unit's cgroup; else in it.
    const isLeaf = !isUnit(own) && isUnit(dirname(own));
    const directory = isLeaf ? dirname(own) : own;
    if (!isDelegated(directory, environment)) return undefined;
    const unit = new UnitCgroup(directory);
    if (!isLeaf) unit.enterLeaf();
    unit.removeLeftovers();
    unit.enableControllers(onMissing);
    return unit;
  }

  /** Goes on with one that was taken before. */
  static adopt({ directory, groups, controllers }: SavedUnitCgroup): UnitCgroup {
    const unit = new UnitCgroup(directory);
    unit.groups = new Map(groups);
    unit.controllers = controllers;
    return unit;
  }

  save(): SavedUnitCgroup {
    return { directory: this.directory, groups: [...this.groups], controllers: this.controllers };
  }

  /**
   * @param worker the slot of one of several processes of the generation; null: it is one process
   * @throws {NodeJS.ErrnoException}
   */
  create(generation: number, worker: number | null): Cgroup {
    const place = `${this.directory}/${PREFIX}${generation}`;
    if (worker === null) return new Cgroup(makeFree(place));
    return new Cgroup(makeFree(`${this.groupOf(generation, place)}/${WORKER_PREFIX}${worker}`));
  }

  /** The cgroup around those of a generation's workers. It is removed with the last of them. */
  private groupOf(generation: number, place: string): string {
    const known = this.groups.get(generation);
    if (known !== undefined && existsSync(known)) return known;
    const group = makeFree(place);
    this.groups.set(generation, group);
    this.share(group);
    return group;
  }

  private enterLeaf(): void {
    const leaf = `${this.directory}/${OWN_LEAF}`;
    if (!existsSync(leaf)) mkdirSync(leaf);
    write(`${leaf}/cgroup.procs`, "0");
  }

  private removeLeftovers(): void {
    for (const name of readdirSync(this.directory)) {
      if (name.startsWith(PREFIX)) removeEmpty(`${this.directory}/${name}`);
    }
  }

  private enableControllers(onMissing: (what: string) => void): void {
    const available = read(`${this.directory}/cgroup.controllers`).split(/\s+/);
    const missing = CONTROLLERS.filter(controller => !available.includes(controller));
    const others = CONTROLLERS.filter(controller => available.includes(controller));
    const without = (controllers: readonly string[]) =>
      `generations' cgroups lack the ${controllers.join(" and ")} controller`;
    if (missing.length > 0) onMissing(`${without(missing)}: systemd doesn't delegate it`);
    this.controllers = others;
    try {
      this.share(this.directory);
    } catch (error) {
      this.controllers = [];
      onMissing(`${without(others)}: ${(error as Error).message}`);
    }
  }

  /** Turns the controllers on for what is below a cgroup. */
  private share(directory: string): void {
    if (this.controllers.length === 0) return;
    write(`${directory}/cgroup.subtree_control`, this.controllers.map(name => `+${name}`).join(" "));
  }
}

/** The cgroup of one process of a generation, and of all that it starts. */
export class Cgroup {
  constructor(readonly directory: string) {}

  /** @param path as /proc/PID/cgroup has it */
  static at(path: string): Cgroup {
    return new Cgroup(`${ROOT}${path}`);
  }

  /** A process that enters the cgroup writes to this file. */
  get procsFile(): string {
    return `${this.directory}/cgroup.procs`;
  }

  /** The path that /proc/PID/cgroup has. */
  get path(): string {
    return this.directory.slice(ROOT.length);
  }

  /** Whether a process runs in it or below. */
  get isPopulated(): boolean {
    return isPopulated(this.read("cgroup.events"));
  }

  /** Processes wait in it, and no signal but SIGKILL gets to them. */
  get isFrozen(): boolean {
    const events = this.read("cgroup.events");
    return isPopulated(events) && /^frozen 1$/m.test(events ?? "");
  }

  /** The processes in it and below. */
  get pids(): number[] {
    const cgroups = [this.directory, ...below(this.directory)].map(directory => new Cgroup(directory));
    // A threaded cgroup's processes are listed in its parent.
    return cgroups.flatMap(cgroup => (cgroup.read("cgroup.procs") ?? "").split("\n").filter(Boolean).map(Number));
  }

  /** The text of one of its files; undefined when it has none of that name: the controller is missing. */
  read(file: string): string | undefined {
    try {
      return read(`${this.directory}/${file}`);
    } catch {
      return undefined;
    }
  }

  /** @throws {NodeJS.ErrnoException} ENOENT: the controller is missing */
  limit(file: string, value: string): void {
    write(`${this.directory}/${file}`, value);
  }

  /** Whether the process is in it or below; undefined when it is gone. */
  contains(pid: number): boolean | undefined {
    const path = cgroupOf(pid);
    return path === undefined ? undefined : path === this.path || path.startsWith(`${this.path}/`);
  }

  /** Makes another one below it. @throws {NodeJS.ErrnoException} */
  createBelow(name: string): Cgroup {
    return new Cgroup(makeFree(`${this.directory}/${name}`));
  }

  /** SIGKILL to all in it and below. */
  kill(): void {
    try {
      write(`${this.directory}/cgroup.kill`, "1");
    } catch (error) {
      // Linux before 5.14 doesn't have this file.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      this.killEach();
    }
  }

  /** Calls back once nothing runs in it any more. @returns what ends the wait; to be called in any case */
  whenEmpty(callback: () => void): () => void {
    const events = openSync(`${this.directory}/cgroup.events`, "r");
    const look = () => {
      // The watch fires until the file is read, and then at the next change.
      if (!isPopulated(readStart(events))) callback();
    };
    try {
      const unwatch = watchAlarm(events, look);
      return () => {
        unwatch();
        closeSync(events);
      };
    } catch (error) {
      closeSync(events);
      throw error;
    }
  }

  /**
   * With the one around it when it was the last worker's.
   *
   * @throws {NodeJS.ErrnoException} EBUSY: processes are in it
   */
  remove(): void {
    for (const directory of [...below(this.directory).reverse(), this.directory]) rmdirSync(directory);
    const around = dirname(this.directory);
    if (basename(this.directory).startsWith(WORKER_PREFIX) && below(around).length === 0) rmdirSync(around);
  }

  /** Kills again until none is left, because each process may have started another one meanwhile. */
  private killEach(): void {
    for (let pids = this.pids, round = 0; pids.length > 0 && round < 100; pids = this.pids, round++) {
      for (const pid of pids) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // The process is gone already.
        }
      }
    }
  }
}

/** This process's cgroup, as a directory; undefined where there is no cgroup v2, or v1 beside it. */
function ownCgroup(): string | undefined {
  try {
    const path = cgroupOf("self");
    return statfsSync(ROOT).type === CGROUP2_MAGIC && path ? `${ROOT}${path}`.replace(/\/$/, "") : undefined;
  } catch {
    return undefined;
  }
}

/** @param events the text of memory.events; undefined without the memory controller */
export function hasOomKill(events: string | undefined): boolean {
  return /^oom_kill [1-9]/m.test(events ?? "");
}

/** @param events the text of cgroup.events; undefined when the cgroup is gone, for which it must have been empty */
function isPopulated(events: string | undefined): boolean {
  return /^populated 1$/m.test(events ?? "");
}

/** Reads the start of a file that is open already; undefined when the file is gone. */
function readStart(fd: number): string | undefined {
  const text = Buffer.alloc(4096);
  try {
    return text.toString("utf8", 0, readSync(fd, text, 0, text.length, 0));
  } catch {
    return undefined;
  }
}

/** Returns the path in the hierarchy of v2; undefined when there is no such process. */
function cgroupOf(pid: number | "self"): string | undefined {
  try {
    return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

function isOfGeneration(directory: string): boolean {
  return [directory, dirname(directory)].some(place => basename(place).startsWith(PREFIX));
}

/** Makes a cgroup that nothing is in: one of that name may be busy still, an earlier supervisor's or an earlier worker's. */
function makeFree(place: string): string {
  for (let attempt = 0; ; attempt++) {
    const directory = `${place}${attempt ? `.${attempt}` : ""}`;
    try {
      mkdirSync(directory);
      return directory;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** All directories below one, a parent before its children. */
function below(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const children = readdirSync(directory, { withFileTypes: true }).filter(entry => entry.isDirectory());
  return children.flatMap(({ name }) => [`${directory}/${name}`, ...below(`${directory}/${name}`)]);
}

function removeEmpty(directory: string): void {
  try {
    new Cgroup(directory).remove();
  } catch {
    // Processes that still run there go on.
  }
}

function read(file: string): string {
  return readFileSync(file, "utf8");
}

/** Never makes a file: what isn't there is ENOENT. */
function write(file: string, text: string): void {
  const fd = openSync(file, constants.O_WRONLY);
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}
