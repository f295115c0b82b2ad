// The D-Bus daemon is restarted, or away: no generation and no supervisor depends on it.

import { execFileSync } from "node:child_process";
import { afterEach, expect, test } from "@jest/globals";
import { expectError, killCommands, TestCommand, zerodown } from "../support/command.js";
import { Puppet } from "../support/puppet.js";
import { ZERODOWN } from "../support/supervisor.js";
import { removeUnits } from "../support/unit.js";

afterEach(async () => {
  await killCommands();
  await removeUnits();
});

/** systemctl asks by systemd's private socket, which doesn't need a bus. */
function restartBus(): void {
  execFileSync("systemctl", ["--user", "restart", "dbus.service"], { stdio: "pipe" });
}

/** An app that becomes ready when it is told to, and generation 1 of it is. */
async function startPuppet(): Promise<Puppet> {
  const puppet = new Puppet({}, "--silent");
  const started = puppet.unit.start();
  await puppet.run("sh systemd-notify --ready");
  await started;
  return puppet;
}

test("a D-Bus daemon that was restarted: zerodown reload, status and check work as before", async () => {
  const puppet = await startPuppet();
  const { unit } = puppet;
  restartBus();
  const reload = zerodown(["reload", "--user", unit.service]);
  await puppet.run("sh systemd-notify --ready", 2);
  expect(await reload).toMatchObject({ status: 0, stdout: expect.stringMatching(/^generation 2 \(pid \d+\) serving/) });
  const status = await zerodown(["status", "--user", unit.service]);
  expect(status).toMatchObject({ status: 0, stdout: expect.stringContaining("active (running)") });
  expect(await zerodown(["check", "--user", unit.service])).toMatchObject({ status: 0 });
});

test("a D-Bus daemon restarted in the middle of a reload: the command says that it lost it, the reload goes on", async () => {
  const puppet = await startPuppet();
  const { unit } = puppet;
  const reload = new TestCommand(ZERODOWN, ["reload", "--user", unit.service]);
  await puppet.waits(2);
  restartBus();
  expectError(await reload.ended, 69, /^zerodown: zerodown@\w+\.service: the user bus went away$/m);
  await puppet.run("sh systemd-notify --ready", 2);
  await unit.serving(2);
});

test("status --watch ends, and says why, when the D-Bus daemon goes away", async () => {
  const { unit } = await startPuppet();
  const watch = new TestCommand(ZERODOWN, ["status", "--watch", "--json", "--user", unit.service]);
  await watch.output.next(/"state":"serving"/);
  restartBus();
  expect(await watch.ended).toMatchObject({ status: 69, stderr: "zerodown: the user bus went away\n" });
});

test("zerodown reload survives that systemd executes itself again in its middle", async () => {
  const puppet = await startPuppet();
  const { unit } = puppet;
  const reload = new TestCommand(ZERODOWN, ["reload", "--user", unit.service]);
  await puppet.waits(2);
  await unit.must("daemon-reexec");
  await puppet.run("sh systemd-notify --ready", 2);
  expect(await reload.ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/^generation 2 .* serving/) });
});
