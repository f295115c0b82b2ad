// The app alone, with no reload at all: all others are compared with it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { BENCH_APPS, BOOTING, type Candidate } from "../candidate.js";

export const baseline: Candidate = {
  name: "no reload",
  async start({ host, port }) {
    const env = { ...process.env, HOST: host, PORT: String(port), DRAIN: "close" };
    const app = spawn(process.execPath, [...BOOTING, `${BENCH_APPS}app.mjs`], { env, stdio: "ignore" });
    return {
      async stop() {
        app.kill("SIGKILL");
        await once(app, "exit");
      },
    };
  },
};
