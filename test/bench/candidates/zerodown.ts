// Zerodown itself: `zerodown run`, reloaded by `zerodown reload`, which is what ExecReload= has.

import { EXAMPLE_APP, TestSupervisor, ZERODOWN } from "../../support/supervisor.js";
import { BENCH_APPS, BOOTING, type Candidate, run } from "../candidate.js";

function zerodown(name: string, app: string): Candidate {
  return {
    name,
    async start({ host, port }) {
      const command = [process.execPath, ...BOOTING, app];
      const supervisor = new TestSupervisor(["--listen", `${host}:${port}`, "--", ...command]);
      await supervisor.serving(1);
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
