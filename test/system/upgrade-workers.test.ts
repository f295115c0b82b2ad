// zerodown upgrade of services with many workers, and with accept queues, beside a real systemd.

import { execFileSync } from "node:child_process";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { ask, HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { fdKinds, idle } from "../support/processes.js";
import { EXAMPLE_APP, ZERODOWN } from "../support/supervisor.js";
import { removeUnits, type TestUnit } from "../support/unit.js";
import { workersOf } from "../support/unit-workers.js";
import { installVersioned, unitFacts, upgradeTo } from "../support/versions.js";

afterEach(killLoads);
afterEach(removeUnits);

const QUEUES = 4;
const MANY = 64;

interface Holder {
  readonly slot: number;
  readonly pid: number;
  readonly queues: readonly number[];
}

/** Which worker has which queue. */
function holders(unit: TestUnit): Holder[] {
  const report = execFileSync(ZERODOWN, ["status", "--user", "--json", unit.service], { encoding: "utf8" });
  const { generations } = JSON.parse(report) as { generations: { state: string; workers: Holder[] }[] };
  const { workers } = generations.find(({ state }) => state === "serving")!;
  return workers.map(({ slot, pid, queues }) => ({ slot, pid, queues })).sort((one, other) => one.slot - other.slot);
}

test("with 4 accept queues each worker keeps its own, under load, and so does what replaces one", async () => {
  const address = loopback();
  const lines = Array.from({ length: QUEUES }, () => `ListenStream=${address.host}:${address.port}`);
  const unit = installVersioned({
    command: `node ${EXAMPLE_APP}`,
    options: `--workers ${QUEUES}`,
    socket: ["ListenStream=", "ReusePort=yes", ...lines],
    service: ["Environment=IDLE_GRACE=500"],
  });
  await unit.start();
  const [facts, before] = [await unitFacts(unit), holders(unit)];
  expect(before.map(({ slot, queues }) => [slot, ...queues])).toEqual([0, 1, 2, 3].map(slot => [slot, slot]));
  const loads = [true, false].map(keepAlive => new HttpLoad(address, { clients: 4, keepAlive, pause: 5 }));
  await upgradeTo(unit, "1.1.0");
  expect(holders(unit)).toEqual(before);
  await unit.reload();
  await upgradeTo(unit, "1.2.0");
  await Promise.all(loads.map(load => load.answers(QUEUES * 4, /generation 2,/)));
  await Promise.all(loads.map(load => load.stop()));
  expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
  expect(await unitFacts(unit)).toEqual(facts);

  const reloaded = holders(unit);
  process.kill(reloaded[2]!.pid, "SIGKILL");
  const after = await eventually(() => {
    const those = holders(unit);
    expect(those.map(({ slot, queues }) => [slot, ...queues])).toEqual([0, 1, 2, 3].map(slot => [slot, slot]));
    expect(those[2]!.pid).not.toBe(reloaded[2]!.pid);
    return those;
  });
  // Each queue has somebody who answers: the kernel spreads these over all of them.
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(address)));
  const pids = new Set(answers.map(answer => Number(/pid (\d+)/.exec(answer)![1])));
  expect([...pids].sort()).toEqual(after.map(({ pid }) => pid).sort());
  expect(unit.log.matching(/internal error/)).toEqual([]);
});

test("with 64 workers all stay, in their cgroups, no descriptor is left, and one that is killed is replaced", async () => {
  const unit = installVersioned({ command: "sleep infinity", options: `--workers ${MANY} --ready exec` });
  await unit.start();
  const [facts, before] = [await unitFacts(unit), await workersOf(unit)];
  expect(before.filter(({ state }) => state === "serving")).toHaveLength(MANY);
  await upgradeTo(unit, "1.1.0");
  // The one who asked for it is gone.
  await idle(facts.main);
  const held = fdKinds(facts.main);
  await upgradeTo(unit, "1.2.0");
  const known = ({ slot, state, pid, cgroup }: (typeof before)[0]) => ({ slot, state, pid, cgroup });
  expect((await workersOf(unit)).map(known)).toEqual(before.map(known));
  await eventually(() => expect(fdKinds(facts.main)).toEqual(held));
  process.kill(before[40]!.pid, "SIGKILL");
  await eventually(async () => {
    const after = await workersOf(unit);
    expect(after.map(({ pid }) => pid).filter(pid => !before.some(worker => worker.pid === pid))).toHaveLength(1);
    expect(after.filter(({ state }) => state === "serving")).toHaveLength(MANY);
  });
  expect(await unitFacts(unit)).toEqual(facts);
  process.kill(facts.main, "SIGHUP");
  await unit.log.next(/generation 2 .*serving: /);
});
