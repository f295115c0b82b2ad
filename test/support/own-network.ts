// Reloads a server that binds for itself, under strict clients, in a network namespace of its own: there net.ipv4.tcp_migrate_req
// is this test's alone. As a program it is the inside of that: own-network.js JSON.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { HttpLoad, killLoads } from "./http-load.js";
import { killSupervisors, TestSupervisor } from "./supervisor.js";

export interface Plan {
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  /** Of zerodown run, with the -- and the command. */
  readonly args: readonly string[];
  /** net.ipv4.tcp_migrate_req */
  readonly migrates: boolean;
  readonly reloads: number;
  /** Whether clients also ask on kept connections. */
  readonly keeps: boolean;
}

export interface Figures {
  /** Requests that were lost, and all, on new connections and on kept ones. */
  readonly fresh: readonly [lost: number, of: number];
  readonly kept: readonly [lost: number, of: number];
  /** What the supervisor and its generations have written. */
  readonly log: readonly string[];
}

const CLIENTS = 8;

/** @throws {Error} when there can be no such namespace, or a reload fails */
export function reloadInOwnNetwork(plan: Plan): Figures {
  const inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", process.execPath, fileURLToPath(import.meta.url)];
  const { status, stdout, stderr } = spawnSync("unshare", ["--net", ...inside, JSON.stringify(plan)], {
    encoding: "utf8",
    timeout: 100_000,
  });
  if (status !== 0) throw new Error(`status ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

async function reloads({ host, port, args, migrates, reloads, keeps }: Plan): Promise<Figures> {
  writeFileSync("/proc/sys/net/ipv4/tcp_migrate_req", migrates ? "1" : "0");
  const supervisor = new TestSupervisor(args);
  await supervisor.serving(1);
  const loads = (keeps ? [false, true] : [false]).map(
    keepAlive => new HttpLoad({ host, port }, { clients: CLIENTS, keepAlive, pause: 3, patience: 10_000 }),
  );
  for (let generation = 2; generation <= reloads + 1; generation++) {
    await Promise.all(loads.map(load => load.answers(30, /./)));
    const line = await supervisor.reload();
    if (!line.includes("serving: ")) throw new Error(line);
    await supervisor.log.next(new RegExp(`generation ${generation - 1} \\(pid \\d+\\) drained`));
  }
  await Promise.all(loads.map(load => load.answers(30, /./)));
  await Promise.all(loads.map(load => load.stop()));
  await supervisor.stop();
  const [fresh, kept] = loads.map(({ failures, requests }) => [failures.length, requests] as const);
  return { fresh: fresh!, kept: kept ?? [0, 0], log: supervisor.log.lines };
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.stdout.write(JSON.stringify(await reloads(JSON.parse(argv[2]!))));
  } finally {
    await Promise.all([killLoads(), killSupervisors()]);
  }
}
