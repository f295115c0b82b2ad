// The state machine, rule by rule: what follows when the current generation crashes (docs/contracts.md 7).

import { describe, expect, test } from "@jest/globals";
import { Machine, SECOND } from "../../support/machine.js";

const SIGKILL = { signal: 9, name: "SIGKILL" };

describe("the current one crashes", () => {
  test("it is started again at once, and systemd is told why, but no READY=1", () => {
    const machine = Machine.serving();
    expect(machine.ends(1, { signal: 11, name: "SIGSEGV" })).toEqual([
      "release 1",
      "err: generation 1 (pid 101) was killed by SIGSEGV. Starting generation 2 at once",
      "spawn 2",
      "systemd: STATUS=Generation 1 (pid 101) was killed by SIGSEGV. Starting generation 2",
    ]);
    machine.spawned(2);
    expect(machine.ready(2)).toEqual([
      "info: generation 2 (pid 102) serving: ready after 0us",
      "systemd: STATUS=Generation 2 (pid 102) serving",
    ]);
  });

  test("again and again: after a backoff that doubles, and more than 5 times in 10s it gives up", () => {
    const machine = Machine.serving();
    const delays: (string | undefined)[] = [];
    for (let number = 1; number <= 5; number++) {
      machine.exits(number, 1);
      delays.push(machine.timers["restart 0"]);
      if (number > 1) expect(machine.fires("restart 0")[0]).toBe(`spawn ${number + 1}`);
      machine.spawned(number + 1);
      machine.ready(number + 1);
    }
    expect(delays).toEqual([undefined, "100ms", "200ms", "400ms", "800ms"]);
    expect(machine.exits(6, 9)).toEqual([
      "release 6",
      "err: generation 6 (pid 106) exited with status 9. Giving up (6 crashes within 10s)",
      "systemd: STOPPING=1 STATUS=Gave up: generation 6 exited with status 9",
      "exit 9",
    ]);
  });

  test("again after 10s: that is a first time", () => {
    const machine = Machine.serving();
    machine.exits(1, 1);
    machine.spawned(2);
    machine.ready(2);
    machine.now += 10 * SECOND;
    expect(machine.exits(2, 1)).toContain(
      "err: generation 2 (pid 102) exited with status 1. Starting generation 3 at once",
    );
  });

  test("and the one started again fails: its reason is told, it counts as a crash, and systemd hears no READY=1", () => {
    const machine = Machine.serving();
    machine.exits(1, 1);
    expect(machine.spawnFailed(2, "ENOENT: no such file, execve 'app'", 69)).toEqual([
      "release 2",
      "err: generation 2 could not be started: ENOENT: no such file, execve 'app'. Starting generation 3 in 100ms",
      "systemd: STATUS=Generation 2 could not be started: ENOENT: no such file, execve 'app'. Starting generation 3",
    ]);
  });

  test("with --on-crash=exit it gives up at the first", () => {
    const machine = Machine.serving({ onCrash: "exit" });
    expect(machine.ends(1, SIGKILL)).toEqual([
      "release 1",
      "err: generation 1 (pid 101) was killed by SIGKILL. Giving up (--on-crash=exit)",
      "systemd: STOPPING=1 STATUS=Gave up: generation 1 was killed by SIGKILL",
      "exit 137",
    ]);
  });

  test("after a reload failed: STATUS= tells of the crash, not of the reload", () => {
    const machine = Machine.reloading();
    machine.exits(2, 1);
    expect(machine.exits(1, 4).at(-1)).toBe(
      "systemd: STATUS=Generation 1 (pid 101) exited with status 4. Starting generation 3",
    );
  });

  test("while a candidate starts, which then fails: one err line tells both, and a new one starts", () => {
    const machine = Machine.reloading({ onCrash: "restart" });
    expect(machine.exits(1, 1)).toHaveLength(2);
    const failed = "Reload failed: generation 2 exited with status 2 before it was ready";
    expect(machine.exits(2, 2)).toEqual([
      "release 2",
      `systemd: READY=1 STATUS=${failed}. Starting generation 3`,
      `result for [1]: ${failed}. No generation is serving`,
      "err: reload failed after 0us: generation 2 (pid 102) exited with status 2 before it was ready. " +
        "No generation is serving. Starting generation 3 at once",
      "spawn 3",
    ]);
  });

  test("a reload asked for in the backoff starts at once, and the backoff is over", () => {
    const machine = Machine.serving();
    machine.exits(1, 1);
    machine.spawned(2);
    machine.exits(2, 1);
    expect(machine.timers).toEqual({ "restart 0": "100ms" });
    expect(machine.reload(1)).toEqual([
      "spawn 3",
      `systemd: RELOADING=1 MONOTONIC_USEC=${machine.now} EXTEND_TIMEOUT_USEC=605000000 ` +
        "STATUS=Generation 2 (pid 102) exited with status 1 before it was ready. Starting generation 3",
    ]);
    expect(machine.timers).toEqual({});
    expect(machine.event({ type: "timer", timer: "restart" })).toEqual([]);
    machine.spawned(3);
    expect(machine.ready(3)).toContain("result for [1]: generation 3");
  });

  test("a reload asked for while the one started again starts follows at once when that fails", () => {
    const machine = Machine.serving();
    machine.exits(1, 1);
    machine.spawned(2);
    machine.reload(1);
    expect(machine.exits(2, 1).slice(1)).toEqual([
      "err: generation 2 (pid 102) exited with status 1 before it was ready. Starting generation 3 at once",
      "spawn 3",
      `systemd: RELOADING=1 MONOTONIC_USEC=${machine.now} EXTEND_TIMEOUT_USEC=605000000 ` +
        "STATUS=Generation 2 (pid 102) exited with status 1 before it was ready. Starting generation 3",
    ]);
  });
});
