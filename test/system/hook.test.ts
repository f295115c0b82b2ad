// --on-event and --before-drain beside a real systemd: the one is told what happens, also over an upgrade, and holds nothing up;
// the other comes before a drain.

import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { removeUnits, type TestUnit } from "../support/unit.js";
import { installVersioned, upgradeTo } from "../support/versions.js";

afterEach(removeUnits);

/** A unit whose app is broken where there is a file "broken", and that has the script `hook` run. */
function install(hook: string, option = "--on-event", ...options: string[]): TestUnit {
  const unit = installVersioned({
    command: directory => `/bin/sh ${directory}/app`,
    options: directory => [option, `'sh ${directory}/hook'`, ...options].join(" "),
  });
  const { directory } = unit;
  writeFileSync(
    `${directory}/app`,
    `[ ! -e ${directory}/broken ] || exit 3\nsystemd-notify --ready\nexec sleep infinity\n`,
  );
  writeFileSync(`${directory}/hook`, `cd ${directory}\n${hook}\n`);
  return unit;
}

const told = (unit: TestUnit) => readFileSync(`${unit.directory}/told`, "utf8").split("\n").slice(0, -1);

test("a start, a broken deploy, a good one, a crash and an upgrade, in their order", async () => {
  const unit = install('echo "$ZERODOWN_EVENT $ZERODOWN_GENERATION $ZERODOWN_RESULT" >>told');
  await unit.start();
  writeFileSync(`${unit.directory}/broken`, "");
  expect(await unit.systemctl("reload", unit.service)).toMatchObject({ status: 1 });
  await unit.systemctl("reload", unit.service);
  await eventually(() => expect(told(unit)).toHaveLength(3));
  writeFileSync(`${unit.directory}/app`, "systemd-notify --ready\nexec sleep infinity\n");
  await unit.reload();
  await unit.log.next(/generation 1 .* drained/);
  process.kill(await unit.serving(4), "SIGKILL");
  await unit.serving(5);
  await upgradeTo(unit, "1.1.0");
  await eventually(() =>
    expect(told(unit)).toEqual([
      ...["promoted 1 ", "failed 2 exit", "failed 3 exit", "promoted 4 ", "drained 1 signal"],
      ...["crashed 4 signal", "promoted 5 ", "upgraded 5 "],
    ]),
  );
});

test("one that hangs holds up neither a reload nor a stop, and goes with the supervisor", async () => {
  const unit = install("echo $$ >told; exec sleep infinity");
  await unit.start();
  await eventually(() => expect(told(unit)).toHaveLength(1));
  await unit.reload();
  await unit.serving(2);
  await unit.stop();
  expect(await unit.property("Result")).toBe("success");
  const [pid] = told(unit);
  expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
});

test("--before-drain comes before the stop signal, after a reload and at a stop, and over an upgrade", async () => {
  const unit = install(
    'echo "begin $ZERODOWN_GENERATION $ZERODOWN_PID" >>told; until [ -e go ]; do sleep 0.01; done; echo "end" >>told; exit 1',
    "--before-drain",
    // Longer than a test takes: it isn't what ends the wait.
    "--before-drain-timeout 2min",
  );
  const go = `${unit.directory}/go`;
  await unit.start();
  const first = await unit.serving(1);
  // systemd is told that the new one serves, and waits for nothing.
  await unit.reload();
  await eventually(() => expect(told(unit)).toEqual([`begin 1 ${first}`]));
  await upgradeTo(unit, "1.1.0");
  expect(told(unit)).toEqual([`begin 1 ${first}`]);
  process.kill(first, 0);
  expect(unit.log.matching(/generation 1 .* drained/)).toEqual([]);
  writeFileSync(go, "");
  await unit.log.next(/generation 1 .* drained/);
  await unit.log.next(/--before-drain of generation 1 .* exited with status 1/);
  const second = await unit.serving(2);
  await unit.stop();
  expect(told(unit).slice(1)).toEqual(["end", `begin 2 ${second}`, "end"]);
  expect(await unit.property("Result")).toBe("success");
});

test("--before-drain that hangs is killed after its time, and the process told to stop", async () => {
  const unit = install("echo $$ >>told; exec sleep infinity", "--before-drain", "--before-drain-timeout 300ms");
  await unit.start();
  await unit.reload();
  await unit.log.next(/generation 1 .* drained/);
  const [pid] = told(unit);
  await eventually(() => expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH"));
  await unit.stop();
  expect(await unit.property("Result")).toBe("success");
});
