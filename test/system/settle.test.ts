// --settle: old and new serve together for a while, under a real systemd and under load.

import { copyFileSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { EXAMPLE_APP } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);

async function start(settle: string) {
  const address = loopback();
  const unit = installApp({
    command: directory => `sh ${directory}/app`,
    options: `--settle ${settle}`,
    service: ["Environment=IDLE_GRACE=300"],
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
  });
  copyFileSync(EXAMPLE_APP, `${unit.directory}/app.mjs`);
  const deploy = (script: string) => writeFileSync(`${unit.directory}/app`, `${script}\n`);
  deploy(`exec node ${unit.directory}/app.mjs`);
  await unit.listen();
  const load = new HttpLoad(address, { clients: 4, keepAlive: false });
  await load.answers(50, /generation 1,/);
  await unit.started();
  return { unit, deploy, load };
}

test("a new generation that dies in it fails the reload; the old one was never told to stop, and nobody noticed", async () => {
  const { unit, deploy, load } = await start("30s");
  const pid = await unit.serving(1);
  deploy("systemd-notify --ready; sleep 0.3; exit 3");
  const { status } = await unit.systemctl("reload", unit.service);
  expect(status).toBe(1);
  expect(await unit.property("StatusText")).toBe(
    `Reload failed: generation 2 exited with status 3 while it settled. Generation 1 (pid ${pid}) still serving`,
  );
  await load.answers(50, /generation 1,/);
  // Being alive is not enough: generation 1 would have said so if it had been told to stop.
  expect(unit.log.matching(/generation 1 .*(drained|stop)/)).toEqual([]);

  await load.stop();
  expect(load.failures).toEqual([]);
});

test("in it both serve, and after it the new one alone; no request was lost", async () => {
  const { unit, load } = await start("1s");
  const reload = unit.reload();
  await unit.log.next(/generation 2 .*; settling for 1s$/);
  await load.answers(20, /generation 2,/);
  await load.answers(20, /generation 1,/);
  expect(await unit.property("ActiveState")).toBe("reloading");
  await reload;
  await unit.log.next(/generation 2 .* serving: settled for 1s\. Draining generation 1 /);
  await load.answers(50, /generation 2,/);
  await load.stop();
  expect(load.failures).toEqual([]);
});
