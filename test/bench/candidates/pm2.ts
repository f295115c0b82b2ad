// pm2 as its documentation has it for reloads without downtime: cluster mode, wait_ready, SIGINT.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { temporaryDirectory } from "../../support/supervisor.js";
import { type Candidate, DRAINS, type Drain, PACKAGES, PEERS_APP, run } from "../candidate.js";

const PM2 = `${PACKAGES}node_modules/pm2/bin/pm2`;

export function pm2(drain: Drain, instances = 1, { args, variables } = PEERS_APP): Candidate {
  return {
    name: instances === 1 ? `pm2 reload, ${DRAINS[drain]}` : `pm2 -i ${instances}`,
    missing: () => (existsSync(PM2) ? undefined : "the package pm2 isn't installed"),
    async start({ host, port }) {
      const { path: home, remove } = temporaryDirectory();
      const env = { ...process.env, PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: "true" };
      const command = (...args: string[]) => run(process.execPath, [PM2, ...args], env);
      const app = {
        name: "app",
        script: args.at(-1),
        node_args: args.slice(0, -1),
        exec_mode: "cluster",
        instances,
        wait_ready: true,
        listen_timeout: 20_000,
        // Either drain takes less.
        kill_timeout: 5000,
        env: { HOST: host, PORT: port, DRAIN: drain, ...variables },
      };
      writeFileSync(`${home}/app.json`, JSON.stringify({ apps: [app] }));
      const stop = async () => {
        await command("kill");
        remove();
      };
      try {
        await command("start", `${home}/app.json`);
      } catch (error) {
        await stop();
        throw error;
      }
      const supervisor = Number(readFileSync(`${home}/pm2.pid`, "utf8"));
      return { supervisor, reload: () => command("reload", "app"), stop };
    },
  };
}
