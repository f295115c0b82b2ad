// Says where a generation listens by sockets of its own making, which the next generation doesn't get.

import type { Elsewhere } from "../linux/sockets/listeners.js";
import { type Looked, pidsOf } from "./acceptance.js";
import { addressIn } from "./generation.js";
import type { Log } from "./log.js";
import type { Outside } from "./outside.js";

export class OwnListeners {
  private readonly told = new Set<string>();

  constructor(
    private readonly processes: ReadonlyMap<string, Looked>,
    private readonly log: Log,
    private readonly outside: Pick<Outside, "listensElsewhere">,
  ) {}

  /** One look, at a generation that has become ready or isn't seen to wait for clients. Each address is told once. */
  look(generation: number): void {
    const own = [...this.processes].filter(([key]) => addressIn(key).generation === generation);
    const { addresses, migrates } = this.outside.listensElsewhere(own.flatMap(([, process]) => pidsOf(process)));
    const news = [...new Set(addresses)].filter(address => !this.told.has(address));
    if (news.length === 0) return;
    for (const address of news) this.told.add(address);
    const what = `generation ${generation} listens on ${news.join(", ")} by a socket of its own, not of the service`;
    this.log(migrates ? "info" : "warning", `${what}: ${cure(migrates)}`);
  }
}

function cure(migrates: Elsewhere["migrates"]): string {
  const passed = "where clients come in it must take the descriptor that is passed ($LISTEN_FDS)";
  if (migrates)
    return `${passed}, or bind with SO_REUSEPORT; clients that wait move, for net.ipv4.tcp_migrate_req is 1`;
  const lack = migrates === undefined ? "which this kernel doesn't have" : "which is 0 here";
  return `${passed}, or bind with SO_REUSEPORT; reloads lose clients then without net.ipv4.tcp_migrate_req=1, ${lack}`;
}
