// The cgroup of one process of a generation: cgroups(7).

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, rmdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { watchAlarm } from "../../native/alarm.js";
import { read, write } from "./cgroup-file.js";
import { addUpWeights, setWeight, tryToAddUpWeights } from "./cpu-weight.js";

export const ROOT = "/sys/fs/cgroup";
/** Of the cgroups of workers, which are in one of their generation. */
export const WORKER_PREFIX = "worker-";

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

  /** Gives it, and all below, such a share of what is there. @throws {NodeJS.ErrnoException} */
  weigh(weight: number): void {
    setWeight(this.directory, weight);
    if (this.isWorkers) addUpWeights(dirname(this.directory));
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
    if (!this.isWorkers) return;
    if (below(around).length === 0) rmdirSync(around);
    else tryToAddUpWeights(around);
  }

  private get isWorkers(): boolean {
    return basename(this.directory).startsWith(WORKER_PREFIX);
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
export function cgroupOf(pid: number | "self"): string | undefined {
  try {
    return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/** Makes a cgroup that nothing is in: one of that name may be busy still, an earlier supervisor's or an earlier worker's. */
export function makeFree(place: string): string {
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
