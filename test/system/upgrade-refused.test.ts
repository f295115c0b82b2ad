// zerodown upgrade where the version on disk can't go on, or may not, beside a real systemd.

import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { callSupervisor } from "../../src/control/client.js";
import { locateControl } from "../../src/control/locate.js";
import { failure } from "../support/control.js";
import { Puppet } from "../support/puppet.js";
import { removeUnits, type TestUnit } from "../support/unit.js";
import {
  installInitApp,
  installOther,
  installVersion,
  installVersioned,
  link,
  startVersioned,
  unitFacts,
  upgrade,
  upgradeTo,
} from "../support/versions.js";

afterEach(removeUnits);

/** The command tells the reason, and systemd sees what it saw before. */
async function expectRefusal(unit: TestUnit, reason: RegExp): Promise<void> {
  const before = await unitFacts(unit);
  expect(await upgrade(unit)).toEqual({ status: 1, said: [expect.stringMatching(reason)] });
  expect(unit.log.matching(/upgrade refused, zerodown \S+ goes on: /)).toEqual([expect.stringMatching(reason)]);
  expect(await unitFacts(unit)).toEqual(before);
}

/** Mounts a file system there from which nothing can be executed, for as long as `use` lasts. */
async function withNoexec(directory: string, use: (directory: string) => Promise<void>): Promise<void> {
  mkdirSync(directory, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", "noexec", "tmpfs", directory]);
  try {
    await use(directory);
  } finally {
    execFileSync("umount", ["--lazy", directory]);
  }
}

describe("is refused in words, and the service goes on, where the command is", () => {
  const older = (text: string) => text.replaceAll("upgrade-check", "unknown-command");
  test.each<[string, (directory: string) => void, RegExp]>([
    ["gone", directory => rmSync(`${directory}/zerodown`), /ENOENT: no such file or directory/],
    ["not executable", directory => installOther(directory, "#!/bin/sh\n", 0o644), /EACCES: permission denied/],
    ["garbage", directory => installOther(directory, "\x7fELF garbage"), /ENOEXEC/],
    [
      "another program",
      directory => installOther(directory, "#!/bin/sh\nexit 0\n"),
      /exited with status 0 and said nothing: it isn't zerodown/,
    ],
    [
      "a version that knows no upgrade",
      directory => installVersion(directory, "0.9.0", older),
      /exited with status 64 and said nothing/,
    ],
    [
      "half of a version",
      directory => installVersion(directory, "2.0.0", text => text.slice(0, text.length / 2)),
      /exited with status 1 and said nothing/,
    ],
    [
      "a version without its addon",
      directory => {
        installVersion(directory, "2.0.0");
        rmSync(`${directory}/zerodown-2.0.0/zerodown-${process.arch}.node`);
      },
      /\(zerodown 2.0.0\) can't go on from here: zerodown's addon for linux on \w+ can't be loaded/,
    ],
    [
      "a program that hangs",
      directory => installOther(directory, "#!/bin/sh\nsleep 100\n"),
      /said nothing within 10s, and was killed/,
    ],
  ])("%s", async (_, install, reason) => {
    const unit = await startVersioned();
    install(unit.directory);
    await expectRefusal(unit, reason);
    expect(await unit.property("StatusText")).toMatch(/^Generation 1 \(pid \d+\) serving$/);
    await upgradeTo(unit, "1.1.0");
    await unit.reload();
  });

  test("on a file system without execution (noexec)", async () => {
    const unit = await startVersioned();
    await withNoexec(`${unit.directory}/mounted`, directory => {
      installVersion(directory, "1.1.0");
      link(unit.directory, `${directory}/zerodown`);
      return expectRefusal(unit, /: EACCES: permission denied/);
    });
    await upgradeTo(unit, "1.1.0");
  });

  test("there, and an app's own by init(), of which only the addon is executed", async () => {
    const { unit, installed } = installInitApp();
    await unit.start();
    await withNoexec(installed, async directory => {
      installVersion(directory, "1.0.0");
      execFileSync("cp", ["-a", `${directory}/zerodown-1.0.0/.`, directory]);
      await expectRefusal(unit, /can't go on from here: zerodown's addon for linux on \w+ can't be loaded/);
    });
    expect((await upgrade(unit)).status).toBe(0);
  });

  test("garbage, while a reload is under way, which goes on", async () => {
    const puppet = new Puppet({ install: installVersioned }, "--silent");
    const { unit } = puppet;
    const started = unit.start();
    await puppet.run("sh systemd-notify --ready");
    await started;
    const reload = unit.systemctl("reload", unit.service);
    await puppet.waits(2);
    installOther(unit.directory, "\x7fELF garbage");
    await expectRefusal(unit, /ENOEXEC/);
    expect(await unit.property("StatusText")).toBe("Starting generation 2");
    await puppet.run("sh systemd-notify --ready", 2);
    expect((await reload).status).toBe(0);
  });

  test("of a service that stops", async () => {
    const puppet = new Puppet({ install: installVersioned, options: "--stop-timeout 5s" });
    const { unit } = puppet;
    await unit.start();
    await puppet.run("ignore");
    const control = locateControl(await unit.mainPid())!;
    const stopping = unit.stop();
    await unit.log.next(/stopping/i);
    expect(await failure(callSupervisor(control, "Upgrade", {}))).toMatchObject({
      error: "tech.fornaxian.zerodown.UpgradeFailed",
      parameters: { reason: "the service is stopping" },
    });
    // The generation is killed at its limit.
    await stopping;
    expect(unit.log.matching(/internal error/)).toEqual([]);
  });

  test("asked for twice at once", async () => {
    const unit = await startVersioned();
    const held = `${unit.directory}/held`;
    execFileSync("mkfifo", [held]);
    // For both directions, so that neither side waits for the other one to open it.
    const release = openSync(held, "r+");
    installVersion(unit.directory, "1.1.0", text => text.replace("\n", `\n':' //; read -r _ <${held}\n`));
    const first = upgrade(unit);
    await unit.log.next(/looking whether/);
    expect(await upgrade(unit)).toEqual({
      status: 1,
      said: [expect.stringMatching(/no upgrade: an upgrade is under way already$/)],
    });
    // It is started as a child, and then in place of the old one.
    writeSync(release, "\n\n");
    expect((await first).status).toBe(0);
    closeSync(release);
  });
});
