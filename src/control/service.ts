// What the control socket offers: the methods of tech.fornaxian.zerodown, on a supervisor.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describeFd } from "../linux/sockets/describe.js";
import type { Ended, Generation } from "../machine/state.js";
import { pidsOf, statusOf } from "../machine/state.js";
import { outcomeText } from "../machine/words.js";
import type { Supervisor } from "../supervisor/supervisor.js";
import type { FdStore } from "../systemd/as-manager/fd-store.js";
import { LISTEN_FDS_START, type PassedFd } from "../systemd/as-service/listen-fds.js";
import type { Method } from "./connection.js";
import { reportOutcome } from "./report-outcome.js";
import type { GenerationReport, ReloadReport, SocketReport, StatusReport } from "./types.js";
import { VarlinkError } from "./varlink.js";

const NAME = "tech.fornaxian.zerodown";

/** Fewer than the clients that the listener takes: whoever only watches must leave room for a reload. */
const WATCHERS = 12;

interface Served {
  readonly supervisor: Supervisor;
  readonly sockets: readonly PassedFd[];
  readonly store: FdStore;
  readonly version: string;
}

/** The methods by their qualified names, those of org.varlink.service included. */
export function controlMethods({ supervisor, sockets, store, version }: Served): ReadonlyMap<string, Method> {
  const status = (): Record<string, unknown> & StatusReport => ({
    version,
    pid: process.pid,
    now: supervisor.now(),
    status: supervisor.state.told,
    generations: reportGenerations(supervisor),
    sockets: reportSockets(sockets, store.fds),
  });
  const progress = (): Record<string, unknown> & ReloadReport => ({ generations: reportGenerations(supervisor) });

  let watchers = 0;

  return new Map<string, Method>([
    [
      `${NAME}.Reload`,
      async (parameters, reply, signal) => {
        const since = optional(parameters, "since", "number") as number | undefined;
        const replace = optional(parameters, "replace", "boolean") as boolean | undefined;
        const unfollow = reply && supervisor.follow(() => reply(progress()));
        if (unfollow) signal.addEventListener("abort", unfollow);
        const result = await supervisor.reload(since ?? null, replace ?? false);
        unfollow?.();
        if (result.error === null) return { generation: result.generation?.number, ...progress() };
        const [generation, pid] = result.generation ? [result.generation.number, ...pidsOf(result.generation)] : [];
        const outcome = result.outcome ? reportOutcome(result.outcome) : undefined;
        throw new VarlinkError(`${NAME}.ReloadFailed`, { reason: result.error, generation, pid, outcome });
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

function reportGenerations(supervisor: Supervisor): GenerationReport[] {
  const { ended, generations } = supervisor.state;
  return [...ended, ...generations].map(generation => reportGeneration(generation, supervisor));
}

function reportGeneration(generation: Generation | Ended, supervisor: Supervisor): GenerationReport {
  const { number, state, startedAt } = generation;
  const [pid] = pidsOf(generation);
  const report = { number, startedAt, status: statusOf(generation), ...(pid === undefined ? {} : { pid }) };
  if ("endedAt" in generation) {
    const { endedAt, outcome } = generation;
    return { ...report, state: "ended", endedAt, end: outcomeText(outcome), outcome: reportOutcome(outcome) };
  }
  const cgroup = supervisor.cgroupOf(number, 0);
  return { ...report, state, ...(cgroup === undefined ? {} : { cgroup }) };
}

function reportSockets(sockets: readonly PassedFd[], stored: readonly PassedFd[]): SocketReport[] {
  return [...sockets, ...stored].map(({ fd, name }, index) => ({
    fd: LISTEN_FDS_START + index,
    name,
    address: describeFd(fd),
    stored: index >= sockets.length,
  }));
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
