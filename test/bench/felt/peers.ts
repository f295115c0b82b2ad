// Those that are compared, each reloaded as its own documentation says.

import { BENCH_APPS, type Program } from "../candidate.js";
import { gunicornHup, gunicornUsr2 } from "../candidates/gunicorn.js";
import { haproxy } from "../candidates/haproxy.js";
import { pm2 } from "../candidates/pm2.js";
import { puma } from "../candidates/puma.js";
import { serverStarter } from "../candidates/server-starter.js";
import { systemdRestart } from "../candidates/systemd.js";
import { zerodownUnit } from "../candidates/zerodown-unit.js";
import type { Cell, Peer } from "./cell.js";

const isOne = ({ workers }: Cell) => workers === 1;
const app = (variables: Readonly<Record<string, string>>): Program => ({
  args: [`${BENCH_APPS}work-peer.mjs`],
  variables,
});

export const FELT_PEERS: readonly Peer[] = [
  { name: "Zerodown", candidate: ({ workers }, variables) => zerodownUnit(workers, variables) },
  {
    name: "Zerodown, warm",
    candidate: ({ workers }, variables) => zerodownUnit(workers, { ...variables, WARM: "50" }),
  },
  {
    name: "Zerodown, --settle 1s",
    candidate: ({ workers }, variables) => zerodownUnit(workers, variables, ["--settle", "1s"]),
  },
  { name: "pm2 reload", candidate: ({ workers }, variables) => pm2("example", workers, app(variables)) },
  { name: "Server::Starter", suits: isOne, candidate: (_, variables) => serverStarter("example", app(variables)) },
  { name: "gunicorn, HUP", candidate: ({ workers }, variables) => gunicornHup(workers, variables) },
  { name: "gunicorn, USR2", candidate: ({ workers }, variables) => gunicornUsr2(workers, variables) },
  // A phased restart stops a worker before it starts the next: with one of them nothing would serve.
  { name: "puma, phased", suits: cell => !isOne(cell), candidate: (_, variables) => puma(4, variables) },
  { name: "HAProxy, 2 units", suits: isOne, candidate: (_, variables) => haproxy(app(variables)) },
  { name: ".socket, restart", suits: isOne, candidate: (_, variables) => systemdRestart("example", app(variables)) },
];
