// What a child finds in its environment.

import type { PassedFd } from "../systemd/listen-fds.js";

export interface ChildEnvironment {
  readonly variables: Readonly<Record<string, string>>;
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
 * @param received the supervisor's environment
 * @param file the assignments of --env-file, which replace those received
 */
export function childEnvironment(
  received: NodeJS.ProcessEnv,
  file: Readonly<Record<string, string>>,
  { generation, supervisorPid, fds, fdstoreMax, notifySocket, readyFd }: Surroundings,
): ChildEnvironment {
  const variables = { ...originalEnvironment(received), ...file };
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
    variables.LISTEN_FDNAMES = fds.map(({ name }) => name).join(":");
  }
  if (fdstoreMax > 0) variables.FDSTORE = String(fdstoreMax);
  variables.NOTIFY_SOCKET = notifySocket;
  variables.ZERODOWN_GENERATION = String(generation);
  variables.ZERODOWN_SUPERVISOR_PID = String(supervisorPid);
  if (readyFd !== undefined) variables.ZERODOWN_READY_FD = String(readyFd);
  return { variables, pidVariables };
}

/** What a shell, and so the launcher's, sets for itself. */
const SHELL_VARIABLES = ["PWD", "OLDPWD", "SHLVL", "_"];

/** Undoes what the launcher at the top of the command did: it keeps from our own Node what is meant for the app's. */
function originalEnvironment(received: NodeJS.ProcessEnv): Record<string, string> {
  const { ZERODOWN_FILE_LIMIT: _, ZERODOWN_STAT: __, ...rest } = received;
  const aside = /^ZERODOWN_(?=(?:NODE_OPTIONS|NODE_EXTRA_CA_CERTS)$)/;
  const entries = Object.entries(rest).map(([name, value]) => [name.replace(aside, ""), value]);
  const original = Object.fromEntries(entries);
  for (const name of SHELL_VARIABLES) {
    const saved = original[`ZERODOWN_${name}`];
    if (saved === undefined) continue;
    delete original[`ZERODOWN_${name}`];
    if (saved === "") delete original[name];
    else original[name] = saved;
  }
  return original;
}
