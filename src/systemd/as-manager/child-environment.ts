// What a child finds in its environment. Names and values are bytes (see systemd/bytes.ts).

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
  /** The sockets, and what is stored. */
  readonly fds: readonly PassedFd[];
  /** How many it may store; 0 for none. */
  readonly fdstoreMax: number;
  readonly notifySocket: string;
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
  { generation, supervisorPid, fds, fdstoreMax, notifySocket, readyFd }: Surroundings,
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
    "ZERODOWN_READY_FD",
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
  if (readyFd !== undefined) variables.ZERODOWN_READY_FD = String(readyFd);
  return { variables, pidVariables };
}
