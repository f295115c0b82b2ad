// What happens is counted once, by its kind.

import { expect, test } from "@jest/globals";
import { NO_COUNTS } from "../../../src/machine/counts.js";
import { readSnapshot, writeSnapshot } from "../../../src/machine/snapshot.js";
import { Machine, SECOND } from "../../support/machine.js";

const HOUR = 3600 * SECOND;
const KILLED = { signal: 9, name: "SIGKILL" };

const none = { count: 0, time: 0 };
/** What was counted that isn't 0. */
function counted({ state: { counts } }: Machine): object {
  const { reloads, crashes, ends, recycled } = counts;
  const happened = (numbers: object) => Object.fromEntries(Object.entries(numbers).filter(([, count]) => count > 0));
  return { ...reloads, crashes, ...happened(ends), ...happened(recycled) };
}

test("a service that serves has counted nothing", () => {
  expect(Machine.serving().state.counts).toEqual(NO_COUNTS);
});

test("a reload is counted once, with the time since its candidate was started, however many asked for it", () => {
  const machine = Machine.reloading();
  machine.reload(2, { since: machine.now });
  machine.now += 3 * SECOND;
  machine.ready(2);
  machine.exits(1, 0);
  expect(counted(machine)).toEqual({ succeeded: { count: 1, time: 3 * SECOND }, failed: none, crashes: 0, exit: 1 });
  machine.rollback(3);
  machine.spawned(3);
  machine.now += SECOND;
  machine.ready(3);
  expect(counted(machine)).toMatchObject({ succeeded: { count: 2, time: 4 * SECOND } });
});

test("one that fails is counted as such; a candidate's end is no crash", () => {
  const machine = Machine.reloading();
  machine.now += 2 * SECOND;
  machine.exits(2, 3);
  machine.reload();
  machine.spawnFailed(3, "ENOENT", 69);
  const failed = { count: 2, time: 2 * SECOND };
  expect(counted(machine)).toEqual({ succeeded: none, failed, crashes: 0, exit: 1, spawn: 1 });
});

test("one that takes no time leaves the time as it was, whatever the clock has by then", () => {
  const machine = Machine.reloading();
  machine.now += SECOND / 6;
  machine.exits(2, 3);
  const { time } = machine.state.counts.reloads.failed;
  machine.now += 24 * HOUR + 0.1;
  machine.reload();
  machine.spawnFailed(3, "ENOENT", 69);
  expect(machine.state.counts.reloads.failed).toEqual({ count: 2, time });
});

test("one that a stop overtakes has no result, and a dry run is none", () => {
  const machine = Machine.serving();
  machine.tryOut(1);
  machine.exits(2, 1);
  machine.reload(2);
  machine.spawned(3);
  machine.stop();
  machine.exits(3, 0);
  expect(counted(machine)).toEqual({ succeeded: none, failed: none, crashes: 0, exit: 2 });
});

test("during the first start an aborted one fails, and so does one after which the remembered release is started", () => {
  const replaced = new Machine();
  replaced.start();
  replaced.spawned(1);
  replaced.reload(1, { replace: true });
  replaced.ends(1, KILLED);
  replaced.spawned(2);
  replaced.reload(2, { replace: true });
  replaced.ends(2, KILLED);
  expect(counted(replaced)).toMatchObject({ failed: { count: 1 }, cancelled: 2 });

  const fallingBack = new Machine();
  fallingBack.start(true);
  fallingBack.spawned(1);
  fallingBack.reload(1, { replace: true });
  fallingBack.ends(1, KILLED);
  fallingBack.spawned(2);
  fallingBack.exits(2, 1);
  expect(counted(fallingBack)).toMatchObject({ failed: { count: 1 }, cancelled: 1, exit: 1 });
});

test("crashes: of what serves, beside a candidate, too, and of what replaces it", () => {
  const machine = Machine.reloading();
  machine.ends(1, { signal: 11, name: "SIGSEGV" });
  expect(counted(machine)).toEqual({ succeeded: none, failed: none, crashes: 1, signal: 1 });
  machine.ready(2);
  machine.exits(2, 1);
  machine.exits(3, 1);
  expect(counted(machine)).toMatchObject({ succeeded: { count: 1 }, failed: none, crashes: 3, exit: 2 });
});

test("an end at a limit is counted by that limit", () => {
  const machine = Machine.draining();
  machine.fires("stop-timeout 1");
  machine.ends(1, KILLED);
  machine.says(2, { watchdog: "trigger" });
  machine.ends(2, { signal: 6, name: "SIGABRT" });
  expect(counted(machine)).toMatchObject({ "stop-timeout": 1, watchdog: 1, crashes: 1 });
});

test("workers that are recycled, by why", () => {
  const machine = Machine.ofWorkers(2, { maxAge: HOUR });
  machine.fires("age 1");
  machine.arrive(1, 2);
  machine.exits(1, 0);
  machine.event({ type: "over-limit", generation: 1, process: 1, memory: 2 ** 30 });
  expect(counted(machine)).toEqual({ succeeded: none, failed: none, crashes: 0, exit: 1, age: 1, memory: 1 });
});

test("whoever takes over goes on counting", () => {
  const machine = Machine.draining();
  machine.state = readSnapshot(writeSnapshot(machine.state));
  machine.exits(1, 0);
  machine.exits(2, 1);
  expect(counted(machine)).toMatchObject({ succeeded: { count: 1 }, crashes: 1, exit: 2 });
});
