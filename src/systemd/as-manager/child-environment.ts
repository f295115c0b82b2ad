// Makes the environment that a child starts with. Names and values are bytes (see linux/bytes.ts).

import type { Variables } from "../../launcher/received.js";
import { toBytes } from "../../linux/bytes.js";
import type { PassedFd } from "../as-service/listen-fds.js";

export interface ChildEnvironment {
  readonly variables: Variables;
  /** Variables that get the child's pid, which is known only after the fork. */
  readonly pidVariables: readonly string[];
}

export interface Surroundings {
  readonly generation: number;
  readonly supervisorPid: number;
  readonly slot: number;
  /** How many processes its generation has. */
  readonly workers: number;
  /** The sockets, and what is stored. */
  readonly fds: readonly PassedFd[];
  /** The child may store so many descriptors; 0 for none. */
  readonly fdstoreMax: number;
  readonly notifySocket: string;
  /** The descriptor to answer probes on, where there are any. */
  readonly probeFd: number | undefined;
  /** It is only tried: see the machine's trial.ts. */
  readonly isTrial: boolean;
  /** The descriptor to write a newline to, with --ready fd. */
  readonly readyFd: number | undefined;
}

/**
 * The supervisor's own environment, as it came, with what was said of the supervisor now said of the child.
 *
 * @param received what the supervisor was started with
 * @param file the assignments of --env-file, which replace those received
 */
export function childEnvironment(
  received: Variables,
  file: Variables,
  { generation, supervisorPid, slot, workers, isTrial, fds, fdstoreMax, notifySocket, probeFd, readyFd }: Surroundings,
): ChildEnvironment {
  const variables: Record<string, string> = Object.assign(Object.create(null), received, file);
  // Each of these speaks of one process: where that was us, it is now the child.
  const pidVariables = ["WATCHDOG_PID", "SYSTEMD_EXEC_PID"].filter(name => received[name] === String(supervisorPid));
  if (fds.length > 0) pidVariables.push("LISTEN_PID");
  for (const name of [
    "FDSTORE",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "ZERODOWN_CANDIDATE_PID",
    "ZERODOWN_DRY_RUN",
    "ZERODOWN_PROBE_FD",
    "ZERODOWN_PROBE_SOCKET",
    "ZERODOWN_READY_FD",
    "ZERODOWN_WORKER",
    "ZERODOWN_WORKERS",
    ...pidVariables,
  ]) {
    delete variables[name];
  }
  if (fds.length > 0) {
    variables.LISTEN_FDS = String(fds.length);
    variables.LISTEN_FDNAMES = toBytes(fds.map(({ name }) => name).join(":"));
  }
  if (fdstoreMax > 0) variables.FDSTORE = String(fdstoreMax);
  variables.NOTIFY_SOCKET = toBytes(notifySocket);
  variables.ZERODOWN_GENERATION = String(generation);
  variables.ZERODOWN_SUPERVISOR_PID = String(supervisorPid);
  if (workers > 1) {
    variables.ZERODOWN_WORKER = String(slot);
    variables.ZERODOWN_WORKERS = String(workers);
  }
  if (isTrial) variables.ZERODOWN_DRY_RUN = "1";
  if (probeFd !== undefined) variables.ZERODOWN_PROBE_FD = String(probeFd);
  if (readyFd !== undefined) variables.ZERODOWN_READY_FD = String(readyFd);
  return { variables, pidVariables };
}

/**
 * The environment of a command that probes a process: that process's, but for what is for it alone.
 *
 * @param pid that of the process
 * @param probeSocket the path of the socket that it answers probes on
 */
export function probeEnvironment(
  received: Variables,
  file: Variables,
  process: Pick<Surroundings, "generation" | "supervisorPid" | "slot" | "workers" | "isTrial">,
  { pid, probeSocket }: { pid: number; probeSocket: string },
): Variables {
  const none = { fds: [], fdstoreMax: 0, notifySocket: "", probeFd: undefined, readyFd: undefined };
  const {
    NOTIFY_SOCKET: _,
    WATCHDOG_USEC: __,
    ...variables
  } = childEnvironment(received, file, { ...process, ...none }).variables;
  return {
    ...variables,
    ZERODOWN_CANDIDATE_PID: String(pid),
    ZERODOWN_PROBE_SOCKET: toBytes(probeSocket),
  };
}

/**
 * The environment of a command that is told of an event: the supervisor's own, but for what systemd has said to that alone.
 *
 * @param event text; null for what isn't known
 */
export function hookEnvironment(
  received: Variables,
  event: Readonly<Record<string, string | number | null>>,
): Variables {
  const variables: Record<string, string> = Object.assign(Object.create(null), received);
  const own = /^(?:LISTEN_\w+|WATCHDOG_\w+|NOTIFY_SOCKET|FDSTORE|ZERODOWN_\w+)$/;
  for (const name of Object.keys(variables).filter(name => own.test(name))) delete variables[name];
  for (const [name, value] of Object.entries(event)) if (value !== null) variables[name] = toBytes(String(value));
  return variables;
}
