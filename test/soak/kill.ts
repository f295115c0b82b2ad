// Kills a process that serves by SIGKILL, and notes exactly what that must cost: the connections that it had.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { processState } from "../support/processes.js";

export interface Killed {
  /** ms since 1970 */
  readonly at: number;
  /** The clients' ports of its TCP connections. */
  readonly ports: ReadonlySet<number>;
}

/** @returns undefined when it has ended by itself */
export async function kill(pid: number): Promise<Killed | undefined> {
  // The process must take no connection, and answer nothing, while we look at it.
  process.kill(pid, "SIGSTOP");
  while (processState(pid) === "R" || processState(pid) === "S" || processState(pid) === "D") await sleep(1);
  if (processState(pid) !== "T") return undefined;
  const killed = { at: Date.now(), ports: clientPorts(pid) };
  process.kill(pid, "SIGKILL");
  return killed;
}

function clientPorts(pid: number): Set<number> {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map(fd => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]),
  );
  // proc_pid_net(5): sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
  const connections = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1, -1);
  return new Set(
    connections
      .map(line => line.trim().split(/\s+/))
      .filter(fields => sockets.has(fields[9]))
      .map(fields => Number.parseInt(fields[2]!.split(":")[1]!, 16)),
  );
}
