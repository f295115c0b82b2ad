// What the control socket offers: the methods of tech.fornaxian.zerodown, on a supervisor.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describeFd } from "../linux/sockets/describe.js";
import { type Queues, queueOf } from "../linux/sockets/queues.js";
import { bootsGently, USUAL_WEIGHT } from "../machine/boot.js";
import { outcomeText } from "../machine/outcome-words.js";
import type { Ended, Generation, Process } from "../machine/state.js";
import { hasWorkers, isTrial, pidsOf, statusOf } from "../machine/state.js";
import { native } from "../native/index.js";
import type { ReloadResult } from "../supervisor/askers.js";
import type { NoReleaseError } from "../supervisor/release.js";
import type { Supervisor } from "../supervisor/supervisor.js";
import type { FdStore } from "../systemd/as-manager/fd-store.js";
import { LISTEN_FDS_START, type PassedFd } from "../systemd/as-service/listen-fds.js";
import type { Method, Ticket } from "./connection.js";
import { reportOutcome } from "./report-outcome.js";
import type {
  GenerationReport,
  ReleaseReport,
  ReloadReport,
  SocketReport,
  StatusReport,
  WorkerReport,
} from "./types.js";
import { VarlinkError } from "./varlink.js";

const NAME = "tech.fornaxian.zerodown";

/** Fewer than the clients that the listener takes: whoever only watches must leave room for a reload. */
const WATCHERS = 12;

interface Served {
  readonly supervisor: Supervisor;
  /** The sockets by their addresses. */
  readonly addresses: readonly Queues<PassedFd>[];
  readonly store: FdStore;
  /** How many descriptors a process gets before what is stored. */
  readonly beforeStored: number;
  readonly version: string;
  /** The version of the supervisor that this one has replaced; undefined where none was. */
  readonly before: string | undefined;
  /** Replaces this process by the command that is on disk; throws where it stays. */
  readonly upgrade: () => Promise<never>;
}

/** The methods by their qualified names, those of org.varlink.service included. */
export function controlMethods(served: Served): ReadonlyMap<string, Method> {
  const { supervisor, addresses, store, beforeStored, version } = served;
  const counts = addresses.map(({ length }) => length).filter(count => count > 1);
  const generations = () => reportGenerations(supervisor, counts);
  const status = (): Record<string, unknown> & StatusReport => ({
    version,
    pid: process.pid,
    now: supervisor.now(),
    status: supervisor.state.told,
    workers: supervisor.state.workers,
    generations: generations(),
    sockets: [...reportSockets(addresses), ...reportStored(store, supervisor.state.workers, beforeStored)],
    counts: supervisor.state.counts,
    releasePaths: supervisor.releases.paths(supervisor.state.release === null),
  });
  const progress = (): Record<string, unknown> & ReloadReport => ({ generations: generations() });
  const reloaded = ({ error, outcome, pid, generation }: ReloadResult): Record<string, unknown> => {
    if (error === null) return { generation: generation?.number, ...progress() };
    const about = { generation: generation?.number, pid: pid ?? undefined };
    const failure = { ...about, outcome: outcome ? reportOutcome(outcome) : undefined };
    throw new VarlinkError(`${NAME}.ReloadFailed`, { reason: error, ...failure });
  };

  /** The machine's answer to a call: asks, unless the supervisor that this one has replaced did. */
  const outcomeOf = (ticket: Ticket, ask: () => Promise<ReloadResult>): Promise<ReloadResult> => {
    if (ticket.asker !== null) return supervisor.askers.await(ticket.asker);
    const outcome = ask();
    ticket.asker = supervisor.askers.last;
    return outcome;
  };

  let watchers = 0;

  return new Map<string, Method>([
    [
      `${NAME}.Reload`,
      async (parameters, reply, signal, ticket) => {
        const since = optional(parameters, "since", "number") as number | undefined;
        const replace = optional(parameters, "replace", "boolean") as boolean | undefined;
        const same = optional(parameters, "same", "boolean") as boolean | undefined;
        const unfollow = reply && supervisor.follow(() => reply(progress()));
        if (unfollow) signal.addEventListener("abort", unfollow);
        const ask = () => supervisor.reload(since ?? null, replace ?? false, same ?? false);
        const result = await outcomeOf(ticket, ask);
        unfollow?.();
        return reloaded(result);
      },
    ],
    [
      `${NAME}.DryRun`,
      async (_, reply, signal, ticket) => {
        const unfollow = reply && supervisor.follow(() => reply(progress()));
        if (unfollow) signal.addEventListener("abort", unfollow);
        const result = await outcomeOf(ticket, () => supervisor.tryOut());
        unfollow?.();
        return reloaded(result);
      },
    ],
    [
      `${NAME}.Rollback`,
      async (parameters, reply, signal, ticket) => {
        const replace = optional(parameters, "replace", "boolean") as boolean | undefined;
        const asked = outcomeOf(ticket, () => rollBack(supervisor, replace ?? false));
        const unfollow = reply && supervisor.follow(() => reply(progress()));
        if (unfollow) signal.addEventListener("abort", unfollow);
        const result = await asked;
        unfollow?.();
        return reloaded(result);
      },
    ],
    [
      `${NAME}.Scale`,
      async (parameters, reply, signal, ticket) => {
        const workers = optional(parameters, "workers", "number") as number | undefined;
        if (!Number.isSafeInteger(workers) || workers! < 1) {
          throw new VarlinkError("org.varlink.service.InvalidParameter", { parameter: "workers" });
        }
        const scaled = () => ({ workers: supervisor.state.workers, ...progress() });
        const unfollow = reply && supervisor.follow(() => reply(scaled()));
        if (unfollow) signal.addEventListener("abort", unfollow);
        const { error, pid, outcome } = await outcomeOf(ticket, () => supervisor.scale(workers!));
        unfollow?.();
        if (error === null) return scaled();
        const about = { pid: pid ?? undefined, outcome: outcome ? reportOutcome(outcome) : undefined };
        throw new VarlinkError(`${NAME}.ScaleFailed`, { reason: error, ...about });
      },
    ],
    [
      `${NAME}.Status`,
      (_, reply, signal) => {
        if (!reply) return status();
        if (watchers >= WATCHERS) throw new VarlinkError(`${NAME}.TooManyWatchers`);
        watchers++;
        reply(status());
        const unfollow = supervisor.follow(() => reply(status()));
        return new Promise(resolve => {
          signal.addEventListener("abort", () => {
            unfollow();
            watchers--;
            resolve({});
          });
        });
      },
    ],
    [
      `${NAME}.Cancel`,
      () => {
        const generation = supervisor.cancel();
        if (generation === undefined) throw new VarlinkError(`${NAME}.NoCandidate`);
        return { generation };
      },
    ],
    [
      `${NAME}.Stop`,
      () => {
        supervisor.stop();
        return {};
      },
    ],
    [
      `${NAME}.Upgrade`,
      (_, __, ___, { isResumed }) => {
        if (isResumed) return { before: served.before, version, pid: process.pid };
        return served.upgrade().catch((error: Error) => {
          throw new VarlinkError(`${NAME}.UpgradeFailed`, { reason: error.message });
        });
      },
    ],
    [
      "org.varlink.service.GetInfo",
      () => ({
        vendor: "Zerodown",
        product: "zerodown",
        version,
        url: "https://github.com/Fornaxian/zerodown",
        interfaces: ["org.varlink.service", NAME],
      }),
    ],
    [
      "org.varlink.service.GetInterfaceDescription",
      parameters => {
        const description = interfaceDescription(optional(parameters, "interface", "string") as string | undefined);
        return { description };
      },
    ],
  ]);
}

/** @throws {VarlinkError} when there is nothing to go back to */
function rollBack(supervisor: Supervisor, replace: boolean): Promise<ReloadResult> {
  try {
    return supervisor.rollback(replace);
  } catch (error) {
    throw new VarlinkError(`${NAME}.NoRelease`, { reason: (error as NoReleaseError).message });
  }
}

/** @param counts how many queues each address has that has several */
function reportGenerations(supervisor: Supervisor, counts: readonly number[]): GenerationReport[] {
  const { ended, generations } = supervisor.state;
  return [...ended, ...generations].map(generation => reportGeneration(generation, supervisor, counts));
}

function reportGeneration(
  generation: Generation | Ended,
  supervisor: Supervisor,
  counts: readonly number[],
): GenerationReport {
  const { number, state, startedAt } = generation;
  const [pid] = pidsOf(generation);
  const trial = isTrial(generation) ? { trial: true } : {};
  const report = { number, startedAt, ...trial, status: statusOf(generation), ...(pid === undefined ? {} : { pid }) };
  if ("endedAt" in generation) {
    const { endedAt, outcome } = generation;
    return { ...report, state: "ended", endedAt, end: outcomeText(outcome), outcome: reportOutcome(outcome) };
  }
  const cgroup = cgroupOf(supervisor, generation, generation.processes[0]);
  const workers = hasWorkers(generation)
    ? { workers: generation.processes.map(process => reportWorker(generation, process, supervisor, counts)) }
    : {};
  return { ...report, state, ...cgroup, ...reportRelease(generation, supervisor), ...workers };
}

function reportRelease({ release: number }: Generation, supervisor: Supervisor): { release?: ReleaseReport } {
  const facts = supervisor.releases.describe(number);
  if (!facts) return {};
  const { directory, executable, arguments: args, variables } = facts;
  return {
    release: {
      number,
      onDisk: number === supervisor.state.disk,
      ...(directory === null ? {} : { directory }),
      ...(executable === null ? {} : { executable }),
      arguments: args,
      variables,
    },
  };
}

function reportWorker(
  generation: Generation,
  process: Process,
  supervisor: Supervisor,
  counts: readonly number[],
): WorkerReport {
  const { slot, duty, state, pid, startedAt, status, restarts, last } = process;
  return {
    slot,
    state: state === "waiting" ? state : duty,
    ...(pid === null ? {} : { pid }),
    ...(counts.length > 0 ? { queues: counts.map(count => queueOf(slot, count)) } : {}),
    ...{ startedAt, status, restarts },
    ...(last ? { last: outcomeText(last) } : {}),
    ...cgroupOf(supervisor, generation, process),
  };
}

function cgroupOf(
  supervisor: Supervisor,
  generation: Generation,
  process: Process | undefined,
): { cgroup?: string; weight?: number } {
  if (!process) return {};
  const known = supervisor.processOf({ generation: generation.number, process: process.number });
  if (!known?.cgroup) return {};
  const weight = Number(known.cgroup.read("cpu.weight") ?? USUAL_WEIGHT);
  const isBoot = weight !== USUAL_WEIGHT && bootsGently(supervisor.state, { generation, process });
  return { cgroup: known.cgroup.path, ...(isBoot ? { weight } : {}) };
}

function reportSockets(addresses: readonly Queues<PassedFd>[]): SocketReport[] {
  return addresses.flatMap((queues, index) =>
    queues.map(({ fd, name }, queue) => {
      const waiting = native.waiting(fd);
      return {
        fd: LISTEN_FDS_START + index,
        name,
        address: describeFd(fd),
        ...(queues.length > 1 ? { queue } : {}),
        ...(waiting === null ? {} : { waiting }),
        stored: false,
      };
    }),
  );
}

/**
 * By the slot of the worker that gets it.
 *
 * @param before how many descriptors come before them
 */
function reportStored(store: FdStore, workers: number, before: number): SocketReport[] {
  const ofSlot = (slot: number) =>
    store.fdsOf({ slot, workers }).map(({ fd, name }, index) => ({
      fd: LISTEN_FDS_START + before + index,
      name,
      address: describeFd(fd),
      stored: true,
      ...(workers > 1 ? { slot } : {}),
    }));
  return Array.from({ length: workers }, (_, slot) => ofSlot(slot)).flat();
}

/** @throws {VarlinkError} when it is there, but of another type */
function optional(parameters: Readonly<Record<string, unknown>>, name: string, type: string): unknown {
  const value = parameters[name] ?? undefined;
  if (value === undefined || typeof value === type) return value;
  throw new VarlinkError("org.varlink.service.InvalidParameter", { parameter: name });
}

function interfaceDescription(name: string | undefined): string {
  if (name === undefined) throw new VarlinkError("org.varlink.service.InvalidParameter", { parameter: "interface" });
  if (name !== NAME && name !== "org.varlink.service") {
    throw new VarlinkError("org.varlink.service.InterfaceNotFound", { interface: name });
  }
  try {
    // The build puts them beside this file.
    return readFileSync(createRequire(import.meta.url).resolve(`./${name}.varlink`), "utf8");
  } catch {
    // An upgrade of the package may have removed them since we started.
    const method = "org.varlink.service.GetInterfaceDescription";
    throw new VarlinkError("org.varlink.service.MethodNotImplemented", { method });
  }
}
