// The state machine, rule by rule: what a generation says (docs/contracts.md 4), and the signals that are passed to it.

import { describe, expect, test } from "@jest/globals";
import { Machine, SECOND } from "../../support/machine.js";

describe("what a generation says", () => {
  test("STATUS= of the current one goes up, behind its generation; of others it does not", () => {
    const machine = Machine.serving();
    expect(machine.says(1, { status: "12 clients" })).toEqual([
      "systemd: STATUS=Generation 1 (pid 101) serving: 12 clients",
    ]);
    expect(machine.says(1, { status: "12 clients" })).toEqual([]);
    machine.reload();
    machine.spawned(2);
    expect(machine.says(2, { status: "warming up" })).toEqual([]);
    expect(machine.says(2, { ready: true, status: "fresh" })).toContain(
      "systemd: READY=1 MAINPID=42 STATUS=Generation 2 (pid 102) serving: fresh; draining: generation 1",
    );
    expect(machine.says(1, { status: "last one" })).toEqual([]);
  });

  test("READY=1 said again changes nothing", () => {
    const machine = Machine.serving();
    expect(machine.ready(1)).toEqual([]);
    machine.reload();
    machine.spawned(2);
    machine.ready(2);
    expect(machine.ready(2)).toEqual([]);
    expect(machine.ready(1)).toEqual([]);
  });

  test("STOPPING=1 is logged once", () => {
    const machine = Machine.serving();
    expect(machine.says(1, { stopping: true })).toEqual(["info: generation 1 (pid 101) says it is stopping"]);
    expect(machine.says(1, { stopping: true })).toEqual([]);
  });

  test("EXTEND_TIMEOUT_USEC= extends a start, and goes up while systemd waits for it", () => {
    const machine = new Machine({ startTimeout: 10 * SECOND });
    machine.start();
    machine.spawned(1);
    machine.now += 9 * SECOND;
    expect(machine.says(1, { extend: 5 * SECOND })).toEqual([
      "systemd: EXTEND_TIMEOUT_USEC=10000000 STATUS=Starting generation 1",
    ]);
    expect(machine.timers["start-timeout 1"]).toBe("5s");
    machine.says(1, { extend: 2 * SECOND });
    expect(machine.timers["start-timeout 1"]).toBe("5s");
    expect(machine.ready(1)).toContain("info: generation 1 (pid 101) serving: ready after 9s");
    expect(machine.says(1, { extend: 5 * SECOND })).toEqual([]);
  });

  test("EXTEND_TIMEOUT_USEC= extends a reload's start, and goes up; a drain's it extends, and does not go up", () => {
    const machine = Machine.serving({ startTimeout: 10 * SECOND, stopTimeout: 10 * SECOND });
    machine.reload();
    machine.spawned(2);
    expect(machine.says(2, { extend: 20 * SECOND })).toEqual([
      "systemd: EXTEND_TIMEOUT_USEC=25000000 STATUS=Starting generation 2",
    ]);
    expect(machine.timers["start-timeout 2"]).toBe("20s");
    machine.ready(2);
    expect(machine.says(1, { extend: 30 * SECOND })).toEqual([]);
    expect(machine.timers).toEqual({ "stop-timeout 1": "30s" });
  });

  test("EXTEND_TIMEOUT_USEC= does not go up while systemd waits for nothing: after a crash", () => {
    const machine = Machine.serving({ startTimeout: 10 * SECOND });
    machine.exits(1, 1);
    machine.spawned(2);
    expect(machine.says(2, { extend: 20 * SECOND })).toEqual([]);
    expect(machine.timers["start-timeout 2"]).toBe("20s");
  });

  test("EXTEND_TIMEOUT_USEC= makes no limit of an infinite one", () => {
    const machine = new Machine({ startTimeout: Number.POSITIVE_INFINITY });
    machine.start();
    machine.spawned(1);
    machine.says(1, { extend: SECOND });
    expect(machine.timers).toEqual({ "hint 1": "5s" });
  });
});

describe("passed signals", () => {
  test("go to those that serve or drain, not to one that was never ready", () => {
    const machine = Machine.serving();
    machine.reload();
    machine.spawned(2);
    expect(machine.pass("SIGUSR1")).toEqual(["signal 1 SIGUSR1"]);
    machine.ready(2);
    expect(machine.pass("SIGUSR1")).toEqual(["signal 1 SIGUSR1", "signal 2 SIGUSR1"]);
  });
});
