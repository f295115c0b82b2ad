// Server::Starter, the original of passing a socket from process to process. It knows no readiness: it tells the old
// generation to stop when the new one has lived for a second (--interval).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { temporaryDirectory } from "../../support/supervisor.js";
import { type Candidate, DRAINS, type Drain, isInstalled, PEERS_APP, run } from "../candidate.js";

export function serverStarter(drain: Drain, { args, variables } = PEERS_APP): Candidate {
  return {
    name: `Server::Starter, ${DRAINS[drain]}`,
    missing: () => (isInstalled("start_server") ? undefined : "the package libserver-starter-perl isn't installed"),
    async start({ host, port }) {
      const { path, remove } = temporaryDirectory();
      const files = [`--pid-file=${path}/pid`, `--status-file=${path}/status`];
      const app = [process.execPath, ...args];
      const env = { ...process.env, DRAIN: drain, ...variables };
      const starter = spawn("start_server", [`--port=${host}:${port}`, ...files, "--", ...app], {
        env,
        stdio: "ignore",
      });
      const stop = async () => {
        const exit = once(starter, "exit");
        starter.kill("SIGTERM");
        await exit;
        remove();
      };
      return { supervisor: starter.pid!, reload: () => run("start_server", ["--restart", ...files]), stop };
    },
  };
}
