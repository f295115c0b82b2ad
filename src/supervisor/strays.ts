// Processes that hold the sockets although their generation has ended: what left its cgroup, as containers do, or its
// process group. Clients would be answered by code that was replaced, and by nobody who drains.

import { fstatSync } from "node:fs";
import { describeFd } from "../linux/sockets/describe.js";
import type { Cgroup } from "../systemd/as-service/cgroup.js";
import { cgroupOf, findHolders, generationOf, type Holder, lineage, nameOf, stat } from "./holders.js";
import type { Log } from "./log.js";
import type { Outside } from "./outside.js";

/** Whom to kill: what can be told to be an ended generation's; also what can't be told to be anybody's; nobody. */
export type KillStrays = "own" | "all" | "none";

/** The search goes on so long without a pause, µs. */
const SLICE = 4000;
/** The search is repeated so often, because killed processes may have started others. */
const ROUNDS = 10;

/** What it takes to go on with a search: plain data, which JSON can hold. */
export interface SavedStrays {
  readonly isLooking: boolean;
  readonly knowsOlder: boolean;
  readonly known: readonly string[];
}

interface Living {
  readonly pid: number;
  readonly cgroup: Pick<Cgroup, "pids" | "contains"> | undefined;
}

interface Origin {
  readonly isOwn: boolean;
  /** Tells people where the process is from. */
  readonly text: string;
}

export class Strays {
  /** Names of the sockets by inode, for people. */
  private sockets: ReadonlyMap<string, string> | undefined;
  private search: Generator<Holder | undefined> | undefined;
  private isLeftOut: (pid: number) => boolean = () => false;
  private roundsLeft = 0;
  /** Processes that are older than this one were looked at. */
  private knowsOlder = false;
  private hasKilled = false;
  /** Strays that were reported, by pid and start; and the part of them that this search has found again. */
  private known = new Set<string>();
  private seen = new Set<string>();

  /**
   * @param fds those of the sockets
   * @param living the processes that there are, by "generation/slot"
   * @param environment SYSTEMD_EXEC_PID tells whether the unit is this process's own
   */
  constructor(
    private readonly fds: readonly number[],
    private readonly kill: KillStrays,
    private readonly living: ReadonlyMap<string, Living>,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly log: Log,
    private readonly outside: Pick<Outside, "after" | "now" | "kill" | "releaseMemory">,
  ) {}

  save(): SavedStrays {
    return { isLooking: this.isLooking, knowsOlder: this.knowsOlder, known: [...this.known, ...this.seen] };
  }

  /** Goes on where another supervisor has stopped; a search that was under way begins again. */
  adopt({ isLooking, knowsOlder, known }: SavedStrays): void {
    this.knowsOlder = knowsOlder;
    this.known = new Set(known);
    if (isLooking) this.look();
  }

  /** A search is under way; it releases memory at its end. */
  get isLooking(): boolean {
    return this.search !== undefined;
  }

  /** Looks for them from now on, in slices. */
  look(): void {
    this.sockets ??= describeSockets(this.fds);
    if (this.sockets.size === 0) return;
    const wasLooking = this.isLooking;
    this.begin();
    if (!wasLooking) this.outside.after(1, () => this.goOn());
  }

  /** Does at once what is left to be done, because the supervisor ends. */
  finish(): void {
    if (!this.search) return;
    this.knowsOlder = true;
    this.begin();
    while (this.search) this.step();
  }

  private begin(): void {
    // Whoever passed us the sockets, systemd as a rule, keeps them; and so may its ancestors.
    const expected = new Set([1, ...lineage(process.pid)]);
    for (const { cgroup } of this.living.values()) for (const pid of cgroup?.pids ?? []) expected.add(pid);
    // Processes older than this one may be an earlier supervisor's. There may be many, with many files, so one look is
    // enough.
    const start = this.knowsOlder ? (stat(process.pid)?.startedAt ?? 0) : 0;
    this.isLeftOut = pid => expected.has(pid) || (start > 0 && (stat(pid)?.startedAt ?? 0) < start);
    this.roundsLeft = ROUNDS;
    this.newRound();
  }

  private newRound(): void {
    this.hasKilled = false;
    this.seen = new Set();
    this.search = findHolders(this.sockets!, this.isLeftOut);
  }

  private goOn(): void {
    const end = this.outside.now() + SLICE;
    while (this.search && this.outside.now() < end) this.step();
    if (this.search) this.outside.after(1, () => this.goOn());
    else this.outside.releaseMemory();
  }

  private step(): void {
    const { value, done } = this.search!.next();
    if (value) this.take(value);
    if (!done) return;
    this.known = this.seen;
    this.knowsOlder = true;
    this.search = undefined;
    if (this.hasKilled && --this.roundsLeft > 0) this.newRound();
  }

  private take(holder: Holder): void {
    const { pid, startedAt, inodes } = holder;
    const origin = this.originOf(holder);
    if (origin === undefined) return;
    const key = `${pid} ${startedAt}`;
    this.seen.add(key);
    if (this.known.has(key)) return;
    this.known.add(key);
    const sockets = inodes.map(inode => this.sockets!.get(inode)).join(", ");
    // This is read before the process is killed, because nothing can be read afterwards.
    const who = `process ${pid} (${nameOf(pid)}, in ${cgroupOf(pid)}) still holds ${sockets}`;
    const isToDie = this.kill === "all" || (this.kill === "own" && origin.isOwn);
    const option = `--kill-strays ${origin.isOwn ? "own" : "all"}`;
    const outcome = isToDie ? this.end(holder) : `it may go on answering clients (${option} would kill it)`;
    this.log("err", `${who}, ${origin.text}: ${outcome}`);
  }

  /** @returns undefined for one that may hold the sockets */
  private originOf({ pid, startedAt }: Holder): Origin | undefined {
    const living = [...this.living.values()];
    for (const ancestor of lineage(pid)) {
      if (living.some(({ pid, cgroup }) => pid === ancestor || cgroup?.contains(ancestor))) return undefined;
      const generation = generationOf(ancestor, process.pid);
      if (generation === undefined) continue;
      if ([...this.living.keys()].some(key => key.startsWith(`${generation}/`))) return undefined;
      return { isOwn: true, text: `though it is of generation ${generation}, which has ended` };
    }
    const cgroup = cgroupOf(pid);
    const unit = this.ownUnit();
    const isInUnit = unit !== undefined && `${cgroup}/`.startsWith(`${unit}/`);
    const isOlder = (other: number) => startedAt < (stat(other)?.startedAt ?? 0);
    // A process older than this one may be an earlier supervisor's that still drains (KillMode=process).
    if (isInUnit && !isOlder(process.pid) && living.every(({ pid }) => isOlder(pid))) {
      return { isOwn: true, text: "though it is in this unit, and older than every generation that there is" };
    }
    // Another service that the .socket unit is for, too.
    if (!isInUnit && innermostUnit(cgroup).endsWith(".service")) return undefined;
    return { isOwn: false, text: "and it can't be told to be of a generation" };
  }

  /** The cgroup of the unit; undefined where others than the supervisor's processes may be in it. */
  private ownUnit(): string | undefined {
    if (this.environment.SYSTEMD_EXEC_PID !== String(process.pid)) return undefined;
    return /^.*\.service(?=\/|$)/.exec(cgroupOf(process.pid))?.[0];
  }

  /** @returns what came of it, for people */
  private end({ pid, startedAt }: Holder): string {
    try {
      // The pid may be another's by now.
      if (stat(pid)?.startedAt === startedAt) this.outside.kill(pid, "SIGKILL");
      this.hasKilled = true;
      return "killed";
    } catch (error) {
      return `it can't be killed (${(error as Error).message})`;
    }
  }
}

function describeSockets(fds: readonly number[]): ReadonlyMap<string, string> {
  const sockets = fds.filter(fd => fstatSync(fd).isSocket());
  return new Map(sockets.map(fd => [String(fstatSync(fd, { bigint: true }).ino), describeFd(fd)]));
}

function innermostUnit(cgroup: string): string {
  return cgroup.split("/").findLast(part => /\.(service|scope)$/.test(part)) ?? "";
}
