// The state machine, rule by rule: starting and reloading (docs/contracts.md 5, 6). Their ends are in end.test.ts.

import { describe, expect, test } from "@jest/globals";
import { Machine, SECOND } from "../../support/machine.js";

describe("the first start", () => {
  test("READY=1 goes up with the main pid when generation 1 says it is ready", () => {
    const machine = new Machine();
    expect(machine.start()).toEqual(["spawn 1", "systemd: EXTEND_TIMEOUT_USEC=605000000 STATUS=Starting generation 1"]);
    expect(machine.spawned(1)).toEqual(["info: generation 1 (pid 101) started"]);
    expect(machine.timers).toEqual({ "start-timeout 1": "10min", "hint 1": "5s" });
    machine.now += 1.2 * SECOND;
    expect(machine.ready(1)).toEqual([
      "info: generation 1 (pid 101) serving: ready after 1.2s",
      "systemd: READY=1 MAINPID=42 STATUS=Generation 1 (pid 101) serving",
    ]);
    expect(machine.timers).toEqual({});
  });

  test("with --ready exec it is ready as soon as it is executed", () => {
    const machine = new Machine({ ready: "exec" });
    machine.start();
    expect(machine.spawned(1)).toEqual([
      "info: generation 1 (pid 101) started",
      "info: generation 1 (pid 101) serving: ready after 0us",
      "systemd: READY=1 MAINPID=42 STATUS=Generation 1 (pid 101) serving",
    ]);
    expect(machine.timers).toEqual({});
  });

  test("with --ready delay it is ready when the delay is over, and READY=1 counts for nothing", () => {
    const machine = new Machine({ ready: "delay", readyDelay: 3 * SECOND });
    machine.start();
    machine.spawned(1);
    expect(machine.timers).toEqual({ "delay 1": "3s" });
    expect(machine.ready(1)).toEqual([]);
    expect(machine.fires("delay 1")).toContain("info: generation 1 (pid 101) serving: ready after 3s");
  });

  test("with --ready fd it is ready at its newline, and READY=1 counts for nothing", () => {
    const machine = new Machine({ ready: "fd" });
    machine.start();
    machine.spawned(1);
    expect(machine.ready(1)).toEqual([]);
    expect(machine.event({ type: "ready", generation: 1, process: 0 })).toContain(
      "systemd: READY=1 MAINPID=42 STATUS=Generation 1 (pid 101) serving",
    );
  });

  test("an infinite start timeout sets no timer but the hint's", () => {
    const machine = new Machine({ startTimeout: Number.POSITIVE_INFINITY });
    machine.start();
    machine.spawned(1);
    expect(machine.timers).toEqual({ "hint 1": "5s" });
    expect(machine.fires("hint 1").join()).toContain("--start-timeout is infinity");
  });

  test.each([
    [
      "notify",
      "notice: generation 1 (pid 101) has not sent READY=1 to its $NOTIFY_SOCKET after 5s; --start-timeout is 10min. " +
        "In Node call startupFinished(); if it knows no sd_notify(3), use --ready accept, --ready fd or --ready delay:TIME",
    ],
    [
      "fd",
      "notice: generation 1 (pid 101) has not written a newline to $ZERODOWN_READY_FD after 5s; --start-timeout is 10min",
    ],
  ] as const)("one that is not ready after a few seconds, with --ready %s, is told what is awaited", (ready, line) => {
    const machine = new Machine({ ready });
    machine.start();
    machine.spawned(1);
    expect(machine.fires("hint 1")).toEqual([line]);
    expect(Object.keys(machine.timers)).toEqual(["start-timeout 1"]);
  });
});

describe("a reload", () => {
  test("starts the next generation, and stops the old one only after READY=1 is out", () => {
    const machine = Machine.serving();
    expect(machine.reload()).toEqual([
      "spawn 2",
      `systemd: RELOADING=1 MONOTONIC_USEC=${machine.now} EXTEND_TIMEOUT_USEC=605000000 STATUS=Starting generation 2`,
    ]);
    machine.spawned(2);
    machine.now += 0.25 * SECOND;
    expect(machine.ready(2)).toEqual([
      "info: generation 2 (pid 102) serving: ready after 250ms. Draining generation 1 (pid 101)",
      "systemd: READY=1 MAINPID=42 STATUS=Generation 2 (pid 102) serving; draining: generation 1",
      "signal 1 SIGINT",
      "result for []: generation 2",
    ]);
    expect(machine.timers).toEqual({ "stop-timeout 1": "1min 30s" });
    expect(machine.exits(1, 0)).toEqual([
      "release 1",
      "info: generation 1 (pid 101) drained and exited with status 0",
      "systemd: STATUS=Generation 2 (pid 102) serving",
    ]);
    expect(machine.timers).toEqual({});
  });

  test("MONOTONIC_USEC= is a whole number", () => {
    const machine = Machine.serving();
    machine.now = 12_345_678.9;
    expect(machine.reload()).toContain(
      "systemd: RELOADING=1 MONOTONIC_USEC=12345678 EXTEND_TIMEOUT_USEC=605000000 STATUS=Starting generation 2",
    );
  });

  test("names every generation that still drains", () => {
    const machine = Machine.serving({ stopSignal: "SIGTERM" });
    for (const number of [2, 3]) {
      machine.reload();
      machine.spawned(number);
      expect(machine.ready(number)).toContain(`signal ${number - 1} SIGTERM`);
    }
    expect(machine.state.told).toBe("Generation 3 (pid 103) serving; draining: generation 1, 2");
    expect(machine.exits(1, 0)).toContain("systemd: STATUS=Generation 3 (pid 103) serving; draining: generation 2");
  });

  test("that fails is one err line with reason, duration and what still serves, and READY=1 with the reason", () => {
    const machine = Machine.serving();
    machine.reload(7);
    machine.spawned(2);
    machine.now += 3 * SECOND;
    const failed =
      "Reload failed: generation 2 exited with status 1 before it was ready. Generation 1 (pid 101) still serving";
    expect(machine.exits(2, 1)).toEqual([
      "release 2",
      `systemd: READY=1 STATUS=${failed}`,
      `result for [7]: ${failed}`,
      "err: reload failed after 3s: generation 2 (pid 102) exited with status 1 before it was ready. " +
        "Generation 1 (pid 101) still serving",
    ]);
    expect(machine.timers).toEqual({});
  });

  test("that succeeds takes the failure of the last one from STATUS=", () => {
    const machine = Machine.serving();
    machine.reload();
    machine.spawned(2);
    machine.exits(2, 1);
    expect(machine.reload()).toContain(
      `systemd: RELOADING=1 MONOTONIC_USEC=${machine.now} EXTEND_TIMEOUT_USEC=605000000 STATUS=Starting generation 3`,
    );
    machine.spawned(3);
    machine.ready(3);
    expect(machine.exits(1, 0)).toContain("systemd: STATUS=Generation 3 (pid 103) serving");
  });
});

describe("a reload asked for while one runs", () => {
  test("follows it, once, for all who asked meanwhile; each gets the result of a reload that began later", () => {
    const machine = Machine.serving();
    machine.reload(1);
    machine.spawned(2);
    expect(machine.reload(2)).toEqual([
      "info: reload asked for while generation 2 (pid 102) is starting: one more follows",
    ]);
    expect(machine.reload(3)).toEqual([]);
    expect(machine.reload()).toEqual([]);
    expect(machine.ready(2)).toEqual([
      "info: generation 2 (pid 102) serving: ready after 0us. Draining generation 1 (pid 101)",
      "systemd: READY=1 MAINPID=42 STATUS=Generation 2 (pid 102) serving; draining: generation 1",
      "signal 1 SIGINT",
      "result for [1]: generation 2",
      "spawn 3",
      `systemd: RELOADING=1 MONOTONIC_USEC=${machine.now} EXTEND_TIMEOUT_USEC=605000000 STATUS=Starting generation 3`,
    ]);
    machine.spawned(3);
    expect(machine.ready(3)).toContain("result for [2,3]: generation 3");
  });

  test("follows it when it fails, too", () => {
    const machine = Machine.serving();
    machine.reload(1);
    machine.spawned(2);
    machine.reload(2);
    const lines = machine.exits(2, 1);
    expect(lines.filter(line => /^result/.test(line))).toEqual([
      expect.stringContaining("result for [1]: Reload failed"),
    ]);
    expect(lines.slice(-2)).toEqual([
      "spawn 3",
      `systemd: RELOADING=1 MONOTONIC_USEC=${machine.now} EXTEND_TIMEOUT_USEC=605000000 STATUS=Starting generation 3`,
    ]);
  });

  test("follows the first start", () => {
    const machine = new Machine();
    machine.start();
    expect(machine.reload(1)).toEqual(["info: reload asked for while generation 1 is starting: one more follows"]);
    machine.spawned(1);
    expect(machine.ready(1).slice(1)).toEqual([
      "systemd: READY=1 MAINPID=42 STATUS=Generation 1 (pid 101) serving",
      "spawn 2",
      `systemd: RELOADING=1 MONOTONIC_USEC=${machine.now} EXTEND_TIMEOUT_USEC=605000000 STATUS=Starting generation 2`,
    ]);
  });
});

describe("settling", () => {
  const settling = () => {
    const machine = Machine.serving({ settle: 3 * SECOND });
    machine.reload(1);
    machine.spawned(2);
    machine.ready(2);
    return machine;
  };

  test("both serve until the time is over, and only then the old one is told to stop", () => {
    const machine = Machine.serving({ settle: 3 * SECOND });
    machine.reload(1);
    machine.spawned(2);
    expect(machine.ready(2)).toEqual([
      "info: generation 2 (pid 102) ready after 0us; settling for 3s",
      // The candidate may have asked for more time than systemd was told at first.
      "systemd: EXTEND_TIMEOUT_USEC=8000000 STATUS=Generation 1 (pid 101) serving; settling: generation 2",
    ]);
    expect(machine.timers).toEqual({ "settle 2": "3s" });
    expect(machine.fires("settle 2")).toEqual([
      "info: generation 2 (pid 102) serving: settled for 3s. Draining generation 1 (pid 101)",
      "systemd: READY=1 MAINPID=42 STATUS=Generation 2 (pid 102) serving; draining: generation 1",
      "signal 1 SIGINT",
      "result for [1]: generation 2",
    ]);
  });

  test("the new one that dies meanwhile is a failed reload", () => {
    const lines = settling().exits(2, 0);
    const failed =
      "Reload failed: generation 2 exited with status 0 while it settled. Generation 1 (pid 101) still serving";
    expect(lines).toContain(`systemd: READY=1 STATUS=${failed}`);
    expect(lines).toContain(`result for [1]: ${failed}`);
  });

  test("when the old one dies meanwhile, the new one takes over at once", () => {
    const machine = settling();
    expect(machine.exits(1, 0)).toEqual([
      "release 1",
      "err: generation 1 (pid 101) exited with status 0 while serving. Generation 2 (pid 102) is to replace it",
      "info: generation 2 (pid 102) serving: the generation before it is gone",
      "systemd: READY=1 MAINPID=42 STATUS=Generation 2 (pid 102) serving",
      "result for [1]: generation 2",
    ]);
    expect(machine.timers).toEqual({});
  });

  test("one that has ended, but for what it left, doesn't take over when the time is over", () => {
    const machine = Machine.serving({ settle: 3 * SECOND });
    machine.reload(1);
    machine.spawned(2);
    machine.ready(2);
    machine.event({ type: "dying", generation: 2, process: 0 });
    expect(machine.timers).toEqual({});
    expect(machine.exits(2, 3)).toContainEqual(
      expect.stringMatching(/^result for \[1\]: Reload failed: generation 2 exited with status 3 while it settled/),
    );
  });

  test("the first generation has nothing to settle beside", () => {
    const machine = new Machine({ settle: 3 * SECOND });
    machine.start();
    machine.spawned(1);
    expect(machine.ready(1)).toContain("systemd: READY=1 MAINPID=42 STATUS=Generation 1 (pid 101) serving");
  });

  test("EXTEND_TIMEOUT_USEC= has nothing to extend", () => {
    const machine = settling();
    expect(machine.says(2, { extend: 60 * SECOND })).toEqual([]);
    expect(machine.timers).toEqual({ "settle 2": "3s" });
  });
});
