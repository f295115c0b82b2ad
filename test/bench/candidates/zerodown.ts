// Zerodown itself: `zerodown run`, reloaded by `zerodown reload`, which is what ExecReload= has.

import { EXAMPLE_APP, TestSupervisor, ZERODOWN } from "../../support/supervisor.js";
import { BENCH_APPS, BOOTING, type Candidate, run } from "../candidate.js";

/** @param queues how often the address is bound */
function zerodown(name: string, app: string, options: readonly string[] = [], queues = 1): Candidate {
  return {
    name,
    async start({ host, port }) {
      const listen = Array.from({ length: queues }, () => `--listen=${host}:${port}`);
      const command = [process.execPath, ...BOOTING, app];
      const supervisor = new TestSupervisor([...listen, ...options, "--", ...command]);
      await supervisor.log.next(/generation 1 .* serving: /);
      return {
        supervisor: supervisor.pid,
        reload: () => run(ZERODOWN, ["reload", "--pid", String(supervisor.pid)]),
        stop: () => supervisor.kill(),
      };
    },
  };
}

export const zerodownRun = zerodown("Zerodown, docs/examples/app.mjs", EXAMPLE_APP);
export const zerodownLibrary = zerodown("Zerodown, the library's serve()", `${BENCH_APPS}library.mjs`);

/** Workers that share one queue of connections, or have one each. */
export function zerodownWorkers(count: number, queues: number): Candidate {
  const name = `Zerodown, ${queues} queue${queues === 1 ? "" : "s"}`;
  return zerodown(name, EXAMPLE_APP, ["--workers", String(count)], queues);
}
