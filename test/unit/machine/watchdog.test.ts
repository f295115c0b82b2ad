// Watchdogs: systemd's of the supervisor, and the supervisor's of its generations.

import { describe, expect, test } from "@jest/globals";
import { Machine, SECOND } from "../../support/machine.js";

const PING = { watchdog: "ping" } as const;

describe("a generation", () => {
  test("that never says WATCHDOG=1 is not watched", () => {
    expect(Machine.serving({ watchdog: 5 * SECOND }).timers).toEqual({ "feed 0": "1.5s" });
  });

  test("has, after each WATCHDOG=1, that long for the next", () => {
    const machine = Machine.serving({ watchdog: 5 * SECOND });
    expect(machine.says(1, PING)).toEqual([]);
    machine.now += 3 * SECOND;
    expect(machine.timers).toMatchObject({ "watchdog 1": "2s" });
    machine.says(1, PING);
    expect(machine.timers).toMatchObject({ "watchdog 1": "5s" });
  });

  test("that misses it is aborted, and started again when it is gone", () => {
    const machine = Machine.serving({ watchdog: 5 * SECOND });
    machine.says(1, PING);
    expect(machine.fires("watchdog 1")).toEqual([
      "err: generation 1 (pid 101) missed its watchdog of 5s: aborting it",
      "signal 1 SIGABRT",
      "systemd: STATUS=Generation 1 (pid 101) missed its watchdog of 5s: waiting for its end",
    ]);
    expect(machine.timers).toMatchObject({ "abort-timeout 1": "1min 30s" });
    expect(machine.ends(1, { signal: 6, name: "SIGABRT" })).toEqual([
      "release 1",
      "err: generation 1 (pid 101) missed its watchdog of 5s and was killed by SIGABRT. Starting generation 2 at once",
      "spawn 2",
      "systemd: STATUS=Generation 1 (pid 101) missed its watchdog of 5s and was killed by SIGABRT. Starting generation 2",
    ]);
  });

  test("that doesn't end at SIGABRT is killed; a status of 0 isn't a success then", () => {
    const machine = Machine.serving({ watchdog: 5 * SECOND, stopTimeout: 7 * SECOND });
    machine.says(1, PING);
    machine.fires("watchdog 1");
    expect(machine.timers).toMatchObject({ "abort-timeout 1": "7s" });
    expect(machine.fires("abort-timeout 1")).toEqual(["kill 1"]);
    expect(machine.exits(1, 0)[1]).toBe(
      "err: generation 1 (pid 101) missed its watchdog of 5s and did not end at SIGABRT. Starting generation 2 at once",
    );
  });

  test("that hangs doesn't hang for ever, even with --stop-timeout infinity", () => {
    const machine = Machine.serving({ stopTimeout: Number.POSITIVE_INFINITY });
    machine.says(1, { watchdog: "trigger" });
    expect(machine.timers).toEqual({ "abort-timeout 1": "1min 30s" });
  });

  test("that says WATCHDOG=trigger is aborted at once, whether it was watched or not", () => {
    const machine = Machine.serving();
    expect(machine.says(1, { watchdog: "trigger" }).slice(0, 2)).toEqual([
      "err: generation 1 (pid 101) triggered its watchdog: aborting it",
      "signal 1 SIGABRT",
    ]);
    // Whatever it says then changes nothing.
    expect(machine.says(1, { ...PING, stopping: true })).toEqual(["info: generation 1 (pid 101) says it is stopping"]);
    expect(machine.timers).toEqual({ "abort-timeout 1": "1min 30s" });
    expect(machine.exits(1, 1)[1]).toMatch(/triggered its watchdog and exited with status 1\. Starting generation 2/);
  });

  test("may choose another time, which counts from then on, and none", () => {
    const machine = Machine.serving();
    machine.says(1, PING);
    expect(machine.timers).toEqual({});
    machine.says(1, { watchdogTimeout: 3 * SECOND });
    expect(machine.timers).toEqual({ "watchdog 1": "3s" });
    machine.says(1, { watchdogTimeout: 0 });
    expect(machine.timers).toEqual({});
    machine.says(1, { watchdogTimeout: 3 * SECOND });
    machine.says(1, { watchdogTimeout: Number.POSITIVE_INFINITY });
    expect(machine.timers).toEqual({});
  });

  test("may not choose a time that can't be honoured, and that is told once", () => {
    const machine = Machine.serving();
    const line = "warning: generation 1 (pid 101): a watchdog of 5ms is shorter than can be honoured, 200ms are used";
    expect(machine.says(1, { watchdogTimeout: 5e3 })).toEqual([line]);
    expect(machine.says(1, PING)).toEqual([]);
    expect(machine.timers).toEqual({ "watchdog 1": "200ms" });
  });

  test("that says STOPPING=1 is watched no more: its end is its own", () => {
    const machine = Machine.serving({ watchdog: 5 * SECOND });
    machine.says(1, PING);
    machine.says(1, { stopping: true, extend: 60 * SECOND });
    machine.says(1, PING);
    expect(machine.timers).toEqual({ "feed 0": "1.5s" });
    expect(machine.exits(1, 0)[1]).toBe(
      "info: generation 1 (pid 101) exited with status 0 as it said it would: the work is done",
    );
  });

  test("may ask for more time by EXTEND_TIMEOUT_USEC=, never for less", () => {
    const machine = Machine.serving({ watchdog: 5 * SECOND });
    machine.says(1, { extend: 60 * SECOND });
    expect(machine.timers).not.toHaveProperty("watchdog 1");
    machine.says(1, PING);
    machine.says(1, { extend: 60 * SECOND });
    expect(machine.timers).toMatchObject({ "watchdog 1": "1min" });
    machine.says(1, { extend: 1 });
    expect(machine.timers).toMatchObject({ "watchdog 1": "5s" });
  });

  test("that is to stop is watched no more", () => {
    const machine = Machine.serving({ watchdog: 5 * SECOND });
    machine.says(1, PING);
    machine.stop();
    machine.says(1, PING);
    expect(machine.says(1, { watchdog: "trigger" })).toEqual([]);
    expect(machine.timers).toEqual({ "feed 0": "1.5s", "stop-timeout 1": "1min 30s" });
  });
});

describe("a candidate that misses its watchdog", () => {
  const failed =
    /^result for \[1\]: Reload failed: generation 2 missed its watchdog of 5s before it was ready and was killed by SIGABRT\. Generation 1/;

  test("fails the reload, and can't become ready while it is being aborted", () => {
    const machine = Machine.reloading({ watchdog: 5 * SECOND });
    machine.says(2, PING);
    machine.fires("watchdog 2");
    expect(machine.ready(2)).toEqual([]);
    expect(machine.ends(2, { signal: 6, name: "SIGABRT" })).toContainEqual(expect.stringMatching(failed));
  });

  test("while it settles doesn't take over, even if the old one is gone", () => {
    const machine = Machine.reloading({ watchdog: 5 * SECOND, settle: 60 * SECOND });
    machine.ready(2);
    machine.says(2, PING);
    machine.fires("watchdog 2");
    expect(machine.timers).not.toHaveProperty("settle 2");
    machine.ends(1, { signal: 9, name: "SIGKILL" });
    const effects = machine.ends(2, { signal: 6, name: "SIGABRT" });
    expect(effects).toContainEqual(
      expect.stringMatching(/^result for \[1\]: Reload failed: generation 2 .* while it settled/),
    );
    expect(effects).toContain("spawn 3");
  });

  test("of generation 1 ends the start, with the signal in the exit status", () => {
    const machine = new Machine({ watchdog: 5 * SECOND });
    machine.start();
    machine.spawned(1);
    machine.says(1, PING);
    machine.fires("watchdog 1");
    expect(machine.ends(1, { signal: 6, name: "SIGABRT" }).at(-1)).toBe("exit 134");
  });
});

describe("systemd's own watchdog", () => {
  test("is fed twice in its time, from the start to the exit", () => {
    const machine = new Machine({ watchdog: 4 * SECOND });
    expect(machine.start().join()).not.toContain("WATCHDOG_USEC");
    expect(machine.timers).toEqual({ "feed 0": "2s" });
    machine.spawned(1);
    expect(machine.fires("feed 0")).toEqual(["systemd: WATCHDOG=1"]);
    expect(machine.timers).toMatchObject({ "feed 0": "2s" });
    machine.ready(1);
    machine.stop();
    expect(machine.timers).toHaveProperty("feed 0");
    expect(machine.exits(1, 0).at(-1)).toBe("exit 0");
    expect(machine.timers).toEqual({});
  });

  test("that wants more than can be done is given another time", () => {
    const machine = new Machine({ watchdog: 5e3 });
    expect(machine.start()).toEqual([
      "spawn 1",
      "warning: WatchdogSec=: a watchdog of 5ms is shorter than can be honoured, 200ms are used",
      "systemd: EXTEND_TIMEOUT_USEC=605000000 WATCHDOG_USEC=200000 STATUS=Starting generation 1",
      "systemd: WATCHDOG=1",
    ]);
    expect(machine.timers).toEqual({ "feed 0": "100ms" });
  });

  test("is fed after each EXTEND_TIMEOUT_USEC=, which would let it sleep for as long as that", () => {
    const machine = Machine.serving({ watchdog: 4 * SECOND });
    expect(machine.reload().filter(line => line.startsWith("systemd"))).toEqual([
      expect.stringMatching(/^systemd: RELOADING=1 .* EXTEND_TIMEOUT_USEC=605000000 /),
      "systemd: WATCHDOG=1",
    ]);
    machine.spawned(2);
    expect(machine.says(2, { extend: 700 * SECOND }).at(-1)).toBe("systemd: WATCHDOG=1");
    machine.ready(2);
    expect(machine.stop()).toContain("systemd: WATCHDOG=1");
  });
});

test("a signal that is to end a generation reaches one that somebody stopped, too: SIGCONT follows", () => {
  const machine = Machine.serving();
  machine.says(1, { watchdog: "trigger" });
  const signals = machine.lastEffects.flatMap(effect => (effect.type === "signal" ? [effect.signal] : []));
  expect(signals).toEqual(["SIGABRT", "SIGCONT"]);
  machine.stop();
  expect(machine.lastEffects).toContainEqual({ type: "signal", generation: 1, process: 0, signal: "SIGCONT" });
  machine.pass("SIGUSR1");
  expect(machine.lastEffects).not.toContainEqual({ type: "signal", generation: 1, process: 0, signal: "SIGCONT" });
});
