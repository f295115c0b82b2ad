// The weight of a boot, beside a real systemd. Where this machine gives cgroups no cpu controller, test/vm/scenarios/boot-weight
// has one that does.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { eventually } from "../support/eventually.js";
import { Puppet } from "../support/puppet.js";
import { ZERODOWN } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

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
  const unit = installApp({
    command: directory => `sh ${directory}/app`,
    options: "--workers 4 --boot-parallel 2",
  });
  const gate = (generation: number) => writeFileSync(`${unit.directory}/gate-${generation}`, "");
  const script = `until [ -e ${unit.directory}/gate-$ZERODOWN_GENERATION ]; do sleep 0.05; done\nsystemd-notify --ready\nexec sleep 1000\n`;
  writeFileSync(`${unit.directory}/app`, script);
  gate(1);
  await unit.start();
  const reload = unit.reload();
  for (const slot of [0, 1]) await unit.log.next(new RegExp(`worker ${slot} of generation 2 .* started$`));
  const [booting, serving] = status(unit).generations;
  expect(booting!.workers!.map(({ slot, state }) => [slot, state])).toEqual([
    [0, "starting"],
    [1, "starting"],
  ]);
  expect(serving!.workers!.map(({ state }) => state)).toEqual(Array(4).fill("serving"));
  gate(2);
  await reload;
  expect(status(unit).generations[0]!.workers!.map(({ state }) => state)).toEqual(Array(4).fill("serving"));
  expect(unit.log.matching(/of generation 2 .* serving/)).toEqual([]);
});
