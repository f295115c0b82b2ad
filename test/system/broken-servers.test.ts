// Releases that start, and don't serve: those whose master process starts dying workers for ever, and those that listen
// elsewhere, whatever they say of themselves. A reload to one of them fails, and strict clients of the old one lose nothing.

import { writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { ask, HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { APPS } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);

/** Reloads, which must fail with that reason. */
async function refused(unit: TestUnit, why: string): Promise<void> {
  expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
  expect(await unit.property("StatusText")).toMatch(
    new RegExp(`^Reload failed: generation 2 ${why} and was killed\\. Generation 1 \\(pid \\d+\\) still serving$`),
  );
  expect(unit.log.matching(/generation 2 \(pid \d+\) serving: /)).toEqual([]);
}

test("a unicorn whose workers can't load the app is never ready, though its master starts them again for ever", async () => {
  const address = loopback();
  const unit = installApp({
    // It takes the socket of the probes, as it takes all of LISTEN_FDS.
    command: directory => `/usr/bin/unicorn --env none --config-file ${directory}/unicorn.rb ${directory}/config.ru`,
    options: "--ready accept --probe http:/health --start-timeout 8s --stop-signal SIGQUIT",
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
  });
  writeFileSync(`${unit.directory}/unicorn.rb`, "worker_processes 2\n");
  const deploy = (app: string) => writeFileSync(`${unit.directory}/config.ru`, `${app}\n`);
  const answering = (text: string) => `run lambda { |_| [200, { "content-length" => "${text.length}" }, ["${text}"]] }`;
  deploy(answering("good"));
  await unit.start();
  const load = new HttpLoad(address, { clients: 4, keepAlive: false });
  await load.answers(20, /^good$/);
  deploy("sleep 0.2\nraise 'broken on purpose'");
  await refused(unit, "was not ready within 8[.\\d]*s");
  expect(unit.log.matching(/broken on purpose/).length).toBeGreaterThan(4);
  expect(unit.log.matching(/generation 2 .* waits for no clients on stream /)).toHaveLength(1);
  await load.answers(20, /^good$/);
  deploy(answering("better"));
  await unit.reload();
  await load.answers(20, /^better$/);
  await load.stop();
  expect(load.failures).toEqual([]);
});

test.each([
  ["--ready accept", "", "was not ready within 6[.\\d]*s"],
  ["--ready notify+accept", "systemd-notify --ready", "was not ready within 6[.\\d]*s"],
  [
    "--probe http:/health --probe-timeout 2s",
    "systemd-notify --ready",
    'did not pass its probe "http:/health" within 2[.\\d]*s',
  ],
])("a server that listens elsewhere fails the reload, with %s", async (options, before, why) => {
  const [address, elsewhere] = [loopback(), loopback()];
  const unit = installApp({
    command: directory => `sh ${directory}/server`,
    options: `${options} --start-timeout 6s`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
  });
  const deploy = (...lines: string[]) => writeFileSync(`${unit.directory}/server`, `${lines.join("\n")}\n`);
  const good = `exec node ${APPS}serve.mjs`;
  writeFileSync(
    `${unit.directory}/elsewhere.mjs`,
    `import { createServer } from "node:http";
     createServer((_, response) => response.end("elsewhere")).listen(${elsewhere.port}, "${elsewhere.host}");\n`,
  );
  deploy(good);
  await unit.start();
  const loads = [true, false].map(keepAlive => new HttpLoad(address, { clients: 2, keepAlive }));
  const answers = (pattern: RegExp) => Promise.all(loads.map(load => load.answers(20, pattern)));
  await answers(/^generation 1,/);
  deploy(before, `exec node ${unit.directory}/elsewhere.mjs`);
  const reload = refused(unit, why);
  await eventually(async () => expect(await ask(elsewhere)).toBe("elsewhere"));
  await reload;
  await answers(/^generation 1,/);
  deploy(good);
  await unit.reload();
  await answers(/^generation 3,/);
  await Promise.all(loads.map(load => load.stop()));
  expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
});
