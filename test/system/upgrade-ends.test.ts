// What ends with an upgrade, beside a real systemd: a stop right after it or in its middle, and a new version that is
// killed past the point of no return.

import { mkdirSync, readFileSync, statSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { BROKEN, deploy, release, WAYS } from "../support/deployments.js";
import { eventually } from "../support/eventually.js";
import { loopback } from "../support/http-load.js";
import { askOnce } from "../support/line-client.js";
import { removeUnits, type TestUnit } from "../support/unit.js";
import { workersOf } from "../support/unit-workers.js";
import { installVersion, installVersioned, startVersioned, upgrade, upgradeTo } from "../support/versions.js";

afterEach(removeUnits);

async function expectStopped(unit: TestUnit): Promise<void> {
  expect(await unit.property("ActiveState")).toBe("inactive");
  expect(await unit.property("Result")).toBe("success");
  expect(unit.log.matching(/generation 1 \(pid \d+\) drained/)).toHaveLength(1);
  expect(unit.log.matching(/internal error|left behind/)).toEqual([]);
}

test("a stop right after it is a stop like any: the generation drains, and the unit ends well", async () => {
  const unit = await startVersioned();
  await upgradeTo(unit, "1.1.0");
  await unit.stop();
  await expectStopped(unit);
  // What is started next is the new version.
  await unit.start();
  await upgradeTo(unit, "1.2.0");
});

test("a stop while the new version is asked overtakes it", async () => {
  const unit = await startVersioned();
  installVersion(unit.directory, "1.1.0", text => text.replace("\n", "\n':' //; sleep 1\n"));
  const upgraded = upgrade(unit);
  await unit.log.next(/looking whether/);
  await unit.stop();
  // Refused, or the supervisor has ended before it could say so.
  expect([1, 69]).toContain((await upgraded).status);
  expect(unit.log.matching(/takes over|has taken over/)).toEqual([]);
  await expectStopped(unit);
});

/** It dies, as by the kernel's OOM killer, when it is executed in place of the old version, and not when it is started. */
const dies = (program: string) =>
  program.replace(/async function main\(/, 'if (process.env.ZERODOWN_ADOPT) process.kill(process.pid, "SIGKILL");\n$&');

test("killed past execve, the new version is restarted, and the release that served last serves", async () => {
  const address = loopback();
  const way = WAYS[1]![1];
  const unit = installVersioned({
    command: directory => way(directory).command,
    options: directory => `${way(directory).options} --workers 2`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
    service: directory => ["StateDirectory=", `Environment=STATE_DIRECTORY=${directory}/state`, "RestartSec=100ms"],
  });
  const { directory } = unit;
  mkdirSync(`${directory}/state`);
  release(directory, "one");
  deploy(directory, "one");
  await unit.start();
  const [supervisor, workers] = [await unit.mainPid(), await workersOf(unit)];
  await eventually(() => statSync(`${directory}/state/zerodown-last-release.json`));
  release(directory, "two", BROKEN);
  deploy(directory, "two");

  installVersion(directory, "1.1.0", dies);
  expect(readFileSync(`${directory}/zerodown`, "utf8")).toContain("SIGKILL");
  const changes = await unit.follow();
  const upgraded = upgrade(unit);
  await changes.next(/^NRestarts=1/);
  const { status, said } = await upgraded;
  expect([status, said]).toEqual([69, [expect.stringMatching(/the supervisor (?:went away|hung up)/)]]);
  // Clients wait for it; what the old supervisor left may answer until it has drained.
  await eventually(async () => expect(await askOnce(address)).toBe("one from generation 2"));
  await eventually(async () =>
    expect(await unit.property("StatusText")).toMatch(/serving \(2 workers\): the release that served last$/),
  );
  expect(unit.log.matching(/takes over, as the same process$/)).toHaveLength(1);
  expect(unit.log.matching(/has taken over/)).toEqual([]);
  expect(await unit.mainPid()).not.toBe(supervisor);
  const after = await workersOf(unit);
  expect(after).toHaveLength(workers.length);
  expect(after.filter(({ pid }) => workers.some(before => before.pid === pid))).toEqual([]);
  // Upgrades work as before with a version that lives.
  await upgradeTo(unit, "1.2.0");
});
