// The cgroup of our unit, and those that it makes below for generations, where systemd delegates it to us: Delegate= in
// systemd.resource-control(5), cgroups(7).

import { existsSync, mkdirSync, readdirSync, statfsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { Cgroup, cgroupOf, makeFree, ROOT, WORKER_PREFIX } from "./cgroup.js";
import { read, write } from "./cgroup-file.js";
import { tryToAddUpWeights } from "./cpu-weight.js";
import { isDelegated, isUnit } from "./delegation.js";

/** statfs(2) says so of it where cgroup v2 is all there is. */
const CGROUP2_MAGIC = 0x63677270;
/** Where this process goes: beside processes, a cgroup can't share out its controllers among cgroups below it. */
const OWN_LEAF = "supervisor";
const PREFIX = "generation-";
/** What `zerodown status` reads of. */
const CONTROLLERS = ["memory", "pids"];
/** What shares out CPU time, and the disk's. */
const WEIGHING = ["cpu", "io"];

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
   * @param weighs whether generations are to have weights
   * @param onMissing called with a line for people when what status reads can't be turned on
   * @returns undefined when it isn't delegated to us
   * @throws {NodeJS.ErrnoException} when it is, but can't be used
   */
  static take(
    environment: NodeJS.ProcessEnv,
    weighs: boolean,
    onMissing: (what: string) => void,
  ): UnitCgroup | undefined {
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
    if (weighs) unit.enableWeights();
    return unit;
  }

  /** Goes on with one that was taken before. */
  static adopt({ directory, groups, controllers }: SavedUnitCgroup): UnitCgroup {
    const unit = new UnitCgroup(directory);
    unit.groups = new Map(groups);
    unit.controllers = controllers;
    return unit;
  }

  /** Whether cgroups of generations can have a weight: the cpu controller is ours. */
  get weighs(): boolean {
    return this.controllers.includes("cpu");
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
    const created = new Cgroup(makeFree(`${this.groupOf(generation, place)}/${WORKER_PREFIX}${worker}`));
    if (this.weighs) tryToAddUpWeights(dirname(created.directory));
    return created;
  }

  /** The cgroup around those of a generation's workers. It is removed with the last of them. */
  private groupOf(generation: number, place: string): string {
    const known = this.groups.get(generation);
    if (known !== undefined && existsSync(known)) return known;
    const group = makeFree(place);
    this.groups.set(generation, group);
    share(group, this.controllers);
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
    try {
      share(this.directory, others);
      this.controllers = others;
    } catch (error) {
      onMissing(`${without(others)}: ${(error as Error).message}`);
    }
  }

  /** One after the other: the kernel may have a reason against one, which must not keep us from others. */
  private enableWeights(): void {
    for (const controller of WEIGHING) {
      try {
        share(this.directory, [controller]);
        this.controllers = [...this.controllers, controller];
      } catch {
        // Who asked for weights is told that there are none.
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

function isOfGeneration(directory: string): boolean {
  return [directory, dirname(directory)].some(place => basename(place).startsWith(PREFIX));
}

/** Turns controllers on for what is below a cgroup. */
function share(directory: string, controllers: readonly string[]): void {
  if (controllers.length === 0) return;
  write(`${directory}/cgroup.subtree_control`, controllers.map(name => `+${name}`).join(" "));
}

function removeEmpty(directory: string): void {
  try {
    new Cgroup(directory).remove();
  } catch {
    // Processes that still run there go on.
  }
}
