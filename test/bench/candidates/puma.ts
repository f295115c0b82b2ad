// puma in cluster mode, reloaded by a phased restart: puma's docs/restart.md.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { BENCH_APPS, type Candidate, isInstalled } from "../candidate.js";

export function puma(workers: number, variables: Readonly<Record<string, string>>): Candidate {
  return {
    name: "puma, phased restart",
    missing: () => (isInstalled("puma") ? undefined : "the package puma isn't installed"),
    async start({ host, port }) {
      const args = ["--workers", String(workers), "--threads", "16:16", "--bind", `tcp://${host}:${port}`];
      const env = { ...process.env, ...variables };
      const main = spawn("puma", ["--quiet", ...args, `${BENCH_APPS}work.ru`], {
        env,
        stdio: "ignore",
        detached: true,
      });
      return {
        reload: async () => main.kill("SIGUSR1"),
        async stop() {
          process.kill(-main.pid!, "SIGKILL");
          await once(main, "exit");
        },
      };
    },
  };
}
