// The weight of a boot, beside a real systemd. Where this machine gives cgroups no cpu controller, test/vm/scenarios/boot-weight
// has one that does.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { eventually } from "../support/eventually.js";
import { Puppet } from "../support/puppet.js";
import { ZERODOWN } from "../support/supervisor.js";
import { removeUnits, type TestUnit } from "../support/unit.js";

afterEach(removeUnits);

const READY = "sh systemd-notify --ready";

function status(unit: TestUnit): StatusFacts {
  return JSON.parse(execFileSync(ZERODOWN, ["status", "--user", "--json", unit.service], { encoding: "utf8" }));
}

test("in a cgroup with the controller, a candidate has it until it is ready, or until what serves has died", async () => {
  const puppet = new Puppet({}, "--silent");
  const { unit } = puppet;
  const started = unit.start();
  await puppet.run(READY);
  await started;
  const directory = `/sys/fs/cgroup${await unit.property("ControlGroup")}`;
  const weightOf = (generation: number) => Number(readFileSync(`${directory}/generation-${generation}/cpu.weight`));
  if (!existsSync(`${directory}/generation-1/cpu.weight`)) {
    console.log("this machine's cgroups have no cpu controller: that nothing is said of it is what is tested");
    expect(unit.log.matching(/weight/)).toEqual([]);
    return;
  }
  expect(weightOf(1)).toBe(100);
  const reload = unit.reload();
  await puppet.waits(2);
  expect([1, 2].map(weightOf)).toEqual([100, 10]);
  expect(status(unit).generations[0]).toMatchObject({ number: 2, weight: 10 });
  await puppet.run(READY, 2);
  await reload;
  expect(weightOf(2)).toBe(100);
  const another = unit.reload();
  await puppet.waits(3);
  expect(weightOf(3)).toBe(10);
  await puppet.begin("exit 1", 2);
  await eventually(() => expect(weightOf(3)).toBe(100));
  await puppet.run(READY, 3);
  await another;
});

test("without the cpu controller the log says so where it is asked for, and reloads work", async () => {
  const puppet = new Puppet({ service: ["Delegate=no"], options: "--boot-weight 10" });
  const { unit } = puppet;
  await unit.start();
  await unit.log.next(
    /^zerodown: --boot-weight 10 does nothing: no cpu controller is delegated to the unit \(Delegate=yes\)/,
  );
  await unit.reload();
  await unit.serving(2);
  expect(status(unit).generations.find(({ number }) => number === 2)).not.toHaveProperty("weight");
});

test("four workers boot two at a time, and all take over at once", async () => {
  const puppet = new Puppet({ options: "--workers 4 --boot-parallel 2" });
  const { unit } = puppet;
  await unit.start();
  const from = unit.log.count;
  await unit.reload();
  await unit.log.next(/generation 2 \(4 workers\) serving/, from);
  const lines = unit.log.lines
    .slice(from)
    .flatMap(line => /worker \d of generation 2 .*(started|ready)/.exec(line)?.[1] ?? []);
  let [booting, most] = [0, 0];
  for (const line of lines) {
    booting += line === "started" ? 1 : -1;
    most = Math.max(most, booting);
  }
  expect([most, lines.filter(line => line === "started").length]).toEqual([2, 4]);
});
