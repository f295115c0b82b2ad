// Zerodown as an operator has it: a unit that is reloaded by `systemctl reload`.

import { ZERODOWN } from "../../support/supervisor.js";
import { installUnits, removeUnits, systemctl } from "../../support/user-manager.js";
import { BENCH_APPS, type Candidate, run } from "../candidate.js";
import { assignments } from "./systemd.js";

/**
 * The app is on the library.
 *
 * @param options more of zerodown run
 */
export function zerodownUnit(
  workers: number,
  variables: Readonly<Record<string, string>>,
  options: readonly string[] = [],
): Candidate {
  const command = `${process.execPath} ${BENCH_APPS}work-library.mjs`;
  return {
    name: "Zerodown",
    missing: () => process.env.NO_SYSTEMD,
    async start({ host, port }) {
      installUnits({
        "bench.socket": `[Socket]\nListenStream=${host}:${port}\n`,
        "bench.service": `[Service]
Type=notify
NotifyAccess=exec
KillMode=mixed
Delegate=yes
RuntimeDirectory=bench
Environment=${assignments(variables)}
ExecStart=${ZERODOWN} ${["run", "--workers", workers, ...options].join(" ")} -- ${command}
ExecReload=${ZERODOWN} reload
`,
      });
      systemctl("start", "bench.socket", "bench.service");
      return {
        reload: () => run("systemctl", ["--user", "reload", "bench.service"]),
        stop: async () => removeUnits(),
      };
    },
  };
}
