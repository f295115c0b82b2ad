// The state machine, rule by rule: stops, and what comes late.

import { describe, expect, test } from "@jest/globals";
import { Machine, SECOND } from "../../support/machine.js";

const SIGKILL = { signal: 9, name: "SIGKILL" };

describe("a stop", () => {
  test("tells all to stop, waits for all, and exits 0", () => {
    const machine = Machine.draining();
    expect(machine.stop()).toEqual([
      "info: SIGTERM: stopping",
      "systemd: STOPPING=1 EXTEND_TIMEOUT_USEC=95000000 STATUS=Stopping: waiting for generation 1 (pid 101), generation 2 (pid 102)",
      "signal 2 SIGINT",
    ]);
    expect(machine.timers).toEqual({ "stop-timeout 1": "1min 30s", "stop-timeout 2": "1min 30s" });
    expect(machine.exits(1, 0)).toContain("systemd: STATUS=Stopping: waiting for generation 2 (pid 102)");
    expect(machine.exits(2, 0).slice(1)).toEqual([
      "info: generation 2 (pid 102) drained and exited with status 0",
      "systemd: STATUS=Stopped",
      "exit 0",
    ]);
  });

  test.each([
    ["exits 0", { status: 0 }, 0],
    ["dies of the stop signal", { signal: 2, name: "SIGINT" }, 0],
    ["exits with 128 + the stop signal", { status: 130 }, 0],
    ["exits with 128 + another signal", { status: 137 }, 137],
    ["exits 3", { status: 3 }, 3],
    ["dies of another signal", SIGKILL, 137],
  ])("the current one %s: that decides the exit status", (_, end, status) => {
    const machine = Machine.draining();
    machine.stop();
    machine.ends(2, end);
    expect(machine.exits(1, 9).at(-1)).toBe(`exit ${status}`);
  });

  test("overtakes a reload: its candidate is told to stop, and all who asked learn it", () => {
    const machine = Machine.reloading();
    machine.reload(2);
    expect(machine.stop("SIGQUIT")).toEqual([
      "info: SIGQUIT: stopping",
      "result for [1,2]: the service is stopping",
      "systemd: STOPPING=1 EXTEND_TIMEOUT_USEC=95000000 STATUS=Stopping: waiting for generation 1 (pid 101), generation 2 (pid 102)",
      "signal 1 SIGINT",
      "signal 2 SIGINT",
    ]);
    expect(machine.timers).toEqual({ "stop-timeout 1": "1min 30s", "stop-timeout 2": "1min 30s" });
    expect(machine.ready(2)).toEqual([]);
    expect(machine.reload(3)).toEqual(["result for [3]: the service is stopping"]);
    machine.exits(2, 1);
    expect(machine.exits(1, 0).at(-1)).toBe("exit 0");
  });

  test("overtakes a backoff", () => {
    const machine = Machine.serving();
    machine.exits(1, 1);
    machine.spawned(2);
    machine.exits(2, 1);
    expect(machine.stop()).toEqual([
      "info: SIGTERM: stopping",
      "systemd: STOPPING=1 STATUS=Stopping",
      "systemd: STATUS=Stopped",
      "exit 0",
    ]);
    expect(machine.timers).toEqual({});
  });

  test("overtakes a start: a generation that is there only then is told to stop at once", () => {
    const machine = new Machine();
    machine.start();
    expect(machine.stop()).toEqual([
      "info: SIGTERM: stopping",
      "systemd: STOPPING=1 EXTEND_TIMEOUT_USEC=95000000 STATUS=Stopping: waiting for generation 1",
    ]);
    expect(machine.spawned(1)).toEqual([
      "info: generation 1 (pid 101) started",
      "signal 1 SIGINT",
      "systemd: STATUS=Stopping: waiting for generation 1 (pid 101)",
    ]);
    expect(machine.timers).toEqual({ "stop-timeout 1": "1min 30s" });
    expect(machine.ends(1, { signal: 2, name: "SIGINT" }).at(-1)).toBe("exit 0");
  });

  test("overtakes a start that then fails: exit 0", () => {
    const machine = new Machine();
    machine.start();
    machine.stop();
    expect(machine.spawnFailed(1, "ENOENT", 69)).toEqual([
      "release 1",
      "warning: generation 1 could not be started: ENOENT",
      "systemd: STATUS=Stopped",
      "exit 0",
    ]);
  });

  test("EXTEND_TIMEOUT_USEC= of one that drains extends it, and goes up: systemd waits for the stop", () => {
    const machine = Machine.serving({ stopTimeout: 5 * SECOND });
    machine.stop();
    expect(machine.says(1, { extend: 60 * SECOND })).toEqual([
      "systemd: EXTEND_TIMEOUT_USEC=65000000 STATUS=Stopping: waiting for generation 1 (pid 101)",
    ]);
    expect(machine.timers).toEqual({ "stop-timeout 1": "1min" });
  });

  test("a second SIGINT kills all; a second SIGTERM changes nothing", () => {
    const machine = Machine.draining();
    machine.stop("SIGINT");
    expect(machine.stop("SIGTERM")).toEqual([]);
    expect(machine.stop("SIGINT")).toEqual(["kill 1", "kill 2"]);
    expect(machine.stop("SIGINT")).toEqual([]);
    expect(machine.ends(1, SIGKILL)).toContain("warning: generation 1 (pid 101) was killed by a second Ctrl-C");
    expect(machine.ends(2, SIGKILL)).toContain("exit 137");
  });

  test("a second SIGINT before the child is there: it is killed when it is", () => {
    const machine = new Machine();
    machine.start();
    machine.stop("SIGINT");
    machine.stop("SIGINT");
    expect(machine.spawned(1)).toContain("kill 1");
  });

  test("one that is being killed for its start is not told to stop, too", () => {
    const machine = Machine.reloading();
    machine.fires("start-timeout 2");
    expect(machine.stop()).not.toContain("signal 2 SIGINT");
    expect(machine.timers).toEqual({ "stop-timeout 1": "1min 30s" });
  });

  test("one that has ended, but for what it left, has no time limit to end any more", () => {
    const machine = Machine.reloading();
    machine.event({ type: "dying", generation: 1, process: 0 });
    machine.ready(2);
    expect(machine.timers).toEqual({});
  });

  test("a second SIGINT can't kill one that has ended, but for what it left", () => {
    const machine = Machine.serving();
    machine.stop("SIGINT");
    machine.event({ type: "dying", generation: 1, process: 0 });
    expect(machine.stop("SIGINT")).toEqual([]);
    expect(machine.exits(1, 0).at(-1)).toBe("exit 0");
  });

  test("nothing follows the exit", () => {
    const machine = Machine.serving();
    machine.stop();
    machine.exits(1, 0);
    expect([...machine.reload(1), ...machine.stop("SIGINT"), ...machine.exits(1, 0)]).toEqual([]);
  });
});

describe("what comes late", () => {
  test("of a generation that is gone means nothing", () => {
    const machine = Machine.draining();
    machine.exits(1, 0);
    expect([...machine.ready(1), ...machine.exits(1, 1), ...machine.says(1, { status: "x", extend: 9 })]).toEqual([]);
  });

  test.each([
    { timer: "settle" },
    { timer: "hint", process: 0 },
    { timer: "delay", process: 0 },
    { timer: "start-timeout", process: 0 },
    { timer: "stop-timeout", process: 0 },
  ] as const)("a timer for what is over means nothing: $timer", timer => {
    expect(Machine.serving().event({ type: "timer", generation: 1, ...timer })).toEqual([]);
  });
});
