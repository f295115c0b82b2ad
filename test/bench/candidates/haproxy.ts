// HAProxy in front of two units, of which one serves: the other is started with the new code, gets the weight, and the first
// is stopped. See "set weight" in HAProxy's management guide.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { temporaryDirectory } from "../../support/supervisor.js";
import { installUnits, removeUnits, systemctl } from "../../support/user-manager.js";
import { type Candidate, isInstalled, type Program, run } from "../candidate.js";
import { assignments } from "./systemd.js";

const SIDES = ["a", "b"] as const;
type Side = (typeof SIDES)[number];
const PORTS: Readonly<Record<Side, number>> = { a: 8081, b: 8082 };
const unitOf = (side: Side) => `bench-${side}.service`;

export function haproxy({ args, variables }: Program): Candidate {
  return {
    name: "HAProxy in front of two units",
    missing: () =>
      process.env.NO_SYSTEMD ?? (isInstalled("haproxy") ? undefined : "the package haproxy isn't installed"),
    async start({ host, port }) {
      const service = (side: Side) => `[Service]
Type=notify
NotifyAccess=all
Environment=HOST=${host} PORT=${PORTS[side]} ${assignments(variables)}
ExecStart=${[process.execPath, ...args].join(" ")}
`;
      installUnits(Object.fromEntries(SIDES.map(side => [unitOf(side), service(side)])));
      systemctl("start", unitOf("a"));
      const { path, remove } = temporaryDirectory();
      const admin = `${path}/admin`;
      writeFileSync(`${path}/configuration`, configuration(host, port, admin));
      const proxy = spawn("haproxy", ["-db", "-f", `${path}/configuration`], { stdio: "ignore" });
      let serving: Side = "a";
      return {
        async reload() {
          const [old, next] = serving === "a" ? (["a", "b"] as const) : (["b", "a"] as const);
          await run("systemctl", ["--user", "start", unitOf(next)]);
          await tell(admin, `set weight app/${next} 100; set weight app/${old} 0`);
          await run("systemctl", ["--user", "stop", unitOf(old)]);
          serving = next;
        },
        async stop() {
          proxy.kill("SIGKILL");
          await once(proxy, "exit");
          removeUnits();
          remove();
        },
      };
    },
  };
}

function configuration(host: string, port: number, admin: string): string {
  return `global
  stats socket ${admin} level admin
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend clients
  bind ${host}:${port}
  default_backend app
backend app
  server a ${host}:${PORTS.a} weight 100
  server b ${host}:${PORTS.b} weight 0
`;
}

/** Resolves when HAProxy has answered. */
async function tell(admin: string, command: string): Promise<void> {
  const socket = connect(admin, () => socket.end(`${command}\n`));
  socket.resume();
  await once(socket, "close");
}
