// Memory that runs out for a generation: by the kernel's OOM killer, and by its own limit (RLIMIT_AS).

import { afterEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { limitMemory, removeMemoryLimits } from "../support/memory-limit.js";
import { beginReload, Puppet } from "../support/puppet.js";
import { removeUnits } from "../support/unit.js";

const MIB = 1024 ** 2;

afterEach(async () => {
  await removeUnits();
  await removeMemoryLimits();
});

/** Makes the OOM killer take the generation. */
async function exhaust(puppet: Puppet, generation: number): Promise<void> {
  const pid = await puppet.waits(generation);
  const limit = limitMemory(pid, 64 * MIB);
  if (!limit) {
    console.warn("There is no memory controller here: SIGKILL stands for the OOM killer.");
    process.kill(pid, "SIGKILL");
    return;
  }
  await puppet.begin("take 256", generation);
  await eventually(() => expect(limit.kills()).toBe(1));
}

describe("the OOM killer takes", () => {
  test("the serving generation: it is replaced like one that crashed, and systemd goes on with the unit", async () => {
    const puppet = new Puppet({});
    const { unit } = puppet;
    await unit.start();
    const changes = await unit.follow();
    await exhaust(puppet, 1);
    await unit.log.next(/generation 1 \(pid \d+\) was killed by SIGKILL\. Starting generation 2 at once$/);
    await unit.serving(2);
    expect(changes.matching(/^(ActiveState|SubState|MainPID|NRestarts)=/)).toEqual([]);
    expect(await unit.property("Result")).toBe("success");
  });

  test("a candidate: the reload fails, and the old generation serves", async () => {
    const { puppet, unit, reload } = await beginReload({});
    await exhaust(puppet, 2);
    expect((await reload).status).toBe(1);
    expect(await unit.property("StatusText")).toMatch(
      /^Reload failed: generation 2 was killed by SIGKILL before it was ready\. Generation 1 \(pid \d+\) still serving$/,
    );
    expect(await unit.property("ActiveState")).toBe("active");
  });
});

test("a candidate that needs more than LimitAS= fails by itself, and the old generation serves", async () => {
  const { puppet, unit, reload } = await beginReload({ service: ["LimitAS=2G"] });
  await puppet.begin("take 3000", 2);
  expect((await reload).status).toBe(1);
  expect(unit.log.matching(/^MemoryError$/)).toHaveLength(1);
  expect(await unit.property("StatusText")).toMatch(
    /^Reload failed: generation 2 exited with status 1 .* still serving$/,
  );
  await puppet.run("sh true");
});
