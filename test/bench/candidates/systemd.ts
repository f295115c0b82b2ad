// Plain systemd: a .socket unit, so that no connection is refused, and `systemctl restart`.

import { installUnits, removeUnits, systemctl } from "../../support/user-manager.js";
import { type Candidate, DRAINS, type Drain, PEERS_APP, run } from "../candidate.js";

export function systemdRestart(drain: Drain, { args, variables } = PEERS_APP): Candidate {
  return {
    name: `.socket + systemctl restart, ${DRAINS[drain]}`,
    // test/bench/run says so; it starts a manager where it can.
    missing: () => process.env.NO_SYSTEMD,
    async start({ host, port }) {
      installUnits({
        "bench.socket": `[Socket]\nListenStream=${host}:${port}\n`,
        "bench.service": `[Unit]
StartLimitIntervalSec=0
[Service]
Type=notify
NotifyAccess=all
Environment=DRAIN=${drain} ${assignments(variables)}
ExecStart=${[process.execPath, ...args].join(" ")}
`,
      });
      systemctl("start", "bench.socket", "bench.service");
      return {
        reload: () => run("systemctl", ["--user", "restart", "bench.service"]),
        stop: async () => removeUnits(),
      };
    },
  };
}

/** As Environment= has them. */
export function assignments(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
