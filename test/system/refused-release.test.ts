// A release was refused, and lies on disk. Whatever happens then to the one that serves, it serves again, beside a real systemd:
// strict clients wait, and lose what was in the process that crashed, and nothing else.

import { mkdirSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { BROKEN, deploy, release } from "../support/deployments.js";
import { HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { EXAMPLE_APP } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);

const CLIENTS = 4;

test.each<[string, (unit: TestUnit) => unknown, { generation: number; mayLose: number }]>([
  [
    "the serving process is killed",
    async unit => process.kill(await unit.serving(1), "SIGKILL"),
    { generation: 3, mayLose: CLIENTS },
  ],
  ["the unit is restarted", unit => unit.systemctl("restart", unit.service), { generation: 2, mayLose: 0 }],
  [
    "the supervisor is killed",
    async unit => process.kill(await unit.mainPid(), "SIGKILL"),
    // systemd kills what it left: its app may have accepted a client of each.
    { generation: 2, mayLose: CLIENTS },
  ],
])("%s", async (_, happen, { generation, mayLose }) => {
  const address = loopback();
  const unit = installApp({
    command: "./app",
    options: directory => `--working-directory ${directory}/current`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
    service: directory => ["StateDirectory=", `Environment=STATE_DIRECTORY=${directory}/state`, "RestartSec=100ms"],
  });
  mkdirSync(`${unit.directory}/state`);
  release(unit.directory, "one", `#!/bin/sh\nexec node ${EXAMPLE_APP}\n`);
  deploy(unit.directory, "one");
  await unit.start();
  const load = new HttpLoad(address, { clients: CLIENTS, keepAlive: false });
  await load.answers(5, /generation 1,/);
  release(unit.directory, "two", BROKEN);
  deploy(unit.directory, "two");
  expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
  await happen(unit);
  await load.answers(5, new RegExp(`generation ${generation},`));
  await load.stop();
  expect(load.failures.length).toBeLessThanOrEqual(mayLose);
  expect(await unit.property("ActiveState")).toBe("active");
});
