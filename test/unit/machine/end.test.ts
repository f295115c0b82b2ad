// The state machine, rule by rule: how generations end, and the supervisor with them (docs/contracts.md 7). Crashes of the
// current one are in crash.test.ts.

import { describe, expect, test } from "@jest/globals";
import { Machine, SECOND } from "../../support/machine.js";

const SIGKILL = { signal: 9, name: "SIGKILL" };

describe("generation 1 fails", () => {
  test.each([
    ["exits with 3", (machine: Machine) => machine.exits(1, 3), "exited with status 3 before it was ready", 3],
    ["is killed", (machine: Machine) => machine.ends(1, SIGKILL), "was killed by SIGKILL before it was ready", 137],
  ])("the supervisor says why and exits: it %s", (_, fail, reason, status) => {
    const machine = new Machine();
    machine.start();
    machine.spawned(1);
    machine.now += SECOND;
    expect(fail(machine)).toEqual([
      "release 1",
      `err: start failed after 1s: generation 1 (pid 101) ${reason}. Giving up`,
      `systemd: STOPPING=1 STATUS=Start failed: generation 1 ${reason}`,
      `exit ${status}`,
    ]);
    expect(machine.timers).toEqual({});
  });

  test("it exits with 0: the supervisor asks whether it daemonizes", () => {
    const machine = new Machine();
    machine.start();
    machine.spawned(1);
    expect(machine.exits(1, 0)).toEqual([
      "release 1",
      expect.stringMatching(
        /^notice: generation 1 \(pid 101\) has exited with status 0 before it was ready\. Does it daemonize\?/,
      ),
      "err: start failed after 0us: generation 1 (pid 101) exited with status 0 before it was ready. Giving up",
      "systemd: STOPPING=1 STATUS=Start failed: generation 1 exited with status 0 before it was ready",
      "exit 69",
    ]);
  });

  test("one that can't be spawned gives the exit status that goes with it", () => {
    const machine = new Machine();
    machine.start();
    expect(machine.spawnFailed(1, "EAGAIN: no room, clone 'app'", 71)).toEqual([
      "release 1",
      "err: start failed after 0us: generation 1 could not be started: EAGAIN: no room, clone 'app'. Giving up",
      "systemd: STOPPING=1 STATUS=Start failed: generation 1 could not be started: EAGAIN: no room, clone 'app'",
      "exit 71",
    ]);
  });

  test("one that is not ready in time is killed, and the exit status is 75", () => {
    const machine = new Machine({ startTimeout: 2 * SECOND });
    machine.start();
    machine.spawned(1);
    expect(machine.fires("start-timeout 1")).toEqual(["kill 1"]);
    expect(machine.ends(1, SIGKILL).at(-1)).toBe("exit 75");
  });

  test("those who asked for a reload meanwhile learn why there will be none", () => {
    const machine = new Machine();
    machine.start();
    machine.reload(1);
    expect(machine.spawnFailed(1, "ENOENT", 69)).toContain(
      "result for [1]: Start failed: generation 1 could not be started: ENOENT",
    );
  });
});

describe("a candidate fails", () => {
  const failed = (reason: string) => `Reload failed: generation 2 ${reason}. Generation 1 (pid 101) still serving`;

  test("one that can't be spawned leaves the old one serving", () => {
    const machine = Machine.serving();
    machine.reload(1);
    const reason = "could not be started: EACCES: permission denied, execve 'app'";
    expect(machine.spawnFailed(2, "EACCES: permission denied, execve 'app'", 69)).toEqual([
      "release 2",
      `systemd: READY=1 STATUS=${failed(reason)}`,
      `result for [1]: ${failed(reason)}`,
      `err: reload failed after 0us: generation 2 ${reason}. Generation 1 (pid 101) still serving`,
    ]);
  });

  test("one beyond --start-timeout is killed, whole, and READY=1 comes too late then", () => {
    const machine = Machine.reloading({ startTimeout: 30 * SECOND });
    expect(machine.fires("start-timeout 2")).toEqual(["kill 2"]);
    expect(machine.ready(2)).toEqual([]);
    expect(machine.says(2, { extend: SECOND })).toEqual([]);
    const reason = "was not ready within 30s and was killed";
    expect(machine.ends(2, SIGKILL)).toContain(`systemd: READY=1 STATUS=${failed(reason)}`);
  });

  test("what it reported is the reason, too", () => {
    const machine = Machine.reloading();
    machine.says(2, { reported: "it reported ERRNO=98, EADDRINUSE" });
    expect(machine.exits(2, 1)).toContain(
      `systemd: READY=1 STATUS=${failed("exited with status 1 before it was ready (it reported ERRNO=98, EADDRINUSE)")}`,
    );
  });

  test("and so is its last STATUS=, where it reported nothing", () => {
    const machine = Machine.reloading();
    machine.says(2, { status: "no database" });
    expect(machine.exits(2, 1)).toContain(
      `systemd: READY=1 STATUS=${failed("exited with status 1 before it was ready (its last status: no database)")}`,
    );
  });

  test("READY=1 that is read after its end comes too late: the old one serves on", () => {
    const machine = Machine.reloading();
    expect(machine.event({ type: "notified", generation: 2, process: 0, ready: true, posthumous: true })).toEqual([
      "notice: generation 2 (pid 102) was ready, but has ended already: nothing is handed over to it",
    ]);
    expect(machine.exits(2, 1)).toContain(
      `systemd: READY=1 STATUS=${failed("exited with status 1 before it was ready")}`,
    );
  });

  test("STOPPING=1 makes no success of it", () => {
    const machine = Machine.reloading();
    machine.says(2, { stopping: true });
    expect(machine.exits(2, 0)).toContain(
      `systemd: READY=1 STATUS=${failed("exited with status 0 before it was ready")}`,
    );
  });
});

test("a candidate that was aborted, and exits with 0, isn't asked whether it daemonizes", () => {
  const machine = Machine.reloading();
  machine.event({ type: "cancel" });
  expect(machine.exits(2, 0).join()).not.toContain("daemonize");
});

describe("the current one ends on its own", () => {
  test("as soon as it is ready, where nothing serves: the work is done", () => {
    const machine = new Machine();
    machine.start();
    machine.spawned(1);
    expect(machine.event({ type: "notified", generation: 1, process: 0, ready: true, posthumous: true })).toContain(
      "systemd: READY=1 MAINPID=42 STATUS=Generation 1 (pid 101) serving",
    );
    expect(machine.exits(1, 0)).toContain("exit 0");
  });

  test("but others of its processes run on: systemd is told what is waited for", () => {
    expect(Machine.serving().event({ type: "dying", generation: 1, process: 0 })).toEqual([
      "systemd: STATUS=Generation 1 (pid 101) has ended: waiting for what it has left",
    ]);
  });

  test("but others of its processes run on: a reload that fails then says that nothing serves", () => {
    const machine = Machine.reloading();
    machine.event({ type: "dying", generation: 1, process: 0 });
    expect(machine.exits(2, 3)).toContain(
      "result for [1]: Reload failed: generation 2 exited with status 3 before it was ready. No generation is serving",
    );
  });

  test("with 0 and no candidate: the work is done, exit 0", () => {
    expect(Machine.serving().exits(1, 0)).toEqual([
      "release 1",
      "info: generation 1 (pid 101) exited with status 0 on its own: the work is done",
      "systemd: STOPPING=1 STATUS=The work is done",
      "exit 0",
    ]);
  });

  test("with 0 while another drains: exit 0 when that has ended, however it ends", () => {
    const machine = Machine.draining();
    expect(machine.exits(2, 0)).toContain(
      "systemd: STOPPING=1 EXTEND_TIMEOUT_USEC=95000000 STATUS=The work is done: waiting for generation 1 (pid 101)",
    );
    expect(machine.ends(1, SIGKILL)).toEqual([
      "release 1",
      "warning: generation 1 (pid 101) was killed by SIGKILL",
      "systemd: STATUS=The work is done",
      "exit 0",
    ]);
  });

  test("with 0 while a candidate starts: the candidate goes on", () => {
    const machine = Machine.reloading();
    expect(machine.exits(1, 0)).toEqual([
      "release 1",
      "err: generation 1 (pid 101) exited with status 0 while serving. Generation 2 (pid 102) is to replace it",
    ]);
    expect(machine.ready(2)).toContain("systemd: READY=1 MAINPID=42 STATUS=Generation 2 (pid 102) serving");
  });

  test("with a failure after STOPPING=1: that isn't a crash, the supervisor exits with its status", () => {
    const machine = Machine.serving();
    machine.says(1, { stopping: true });
    const lines = machine.exits(1, 3);
    expect(lines).toContainEqual(expect.stringMatching(/^systemd: STOPPING=1 /));
    expect(lines.at(-1)).toBe("exit 3");
  });
});

describe("draining", () => {
  test("beyond --stop-timeout it is killed, whole", () => {
    const machine = Machine.draining({ stopTimeout: 5 * SECOND });
    expect(machine.fires("stop-timeout 1")).toEqual(["kill 1"]);
    expect(machine.ends(1, SIGKILL)).toEqual([
      "release 1",
      "warning: generation 1 (pid 101) did not stop in time and was killed",
      "systemd: STATUS=Generation 2 (pid 102) serving",
    ]);
  });

  test("an infinite --stop-timeout sets no timer", () => {
    expect(Machine.draining({ stopTimeout: Number.POSITIVE_INFINITY }).timers).toEqual({});
  });

  test.each([
    [{ status: 0 }, "info: generation 1 (pid 101) drained and exited with status 0"],
    [{ signal: 2, name: "SIGINT" }, "info: generation 1 (pid 101) drained and was killed by SIGINT"],
    [{ signal: 15, name: "SIGTERM" }, "info: generation 1 (pid 101) drained and was killed by SIGTERM"],
    [{ status: 130 }, "info: generation 1 (pid 101) drained and exited with status 130"],
    [{ status: 143 }, "info: generation 1 (pid 101) drained and exited with status 143"],
    [{ status: 129 }, "warning: generation 1 (pid 101) exited with status 129"],
    [{ status: 1 }, "warning: generation 1 (pid 101) exited with status 1"],
  ])("its end is fine, or a warning: %j", (end, line) => {
    expect(Machine.draining().ends(1, end)).toContain(line);
  });

  test("one that exits with 0 just when it is killed has drained", () => {
    const machine = Machine.draining();
    machine.fires("stop-timeout 1");
    expect(machine.exits(1, 0)).toContain("info: generation 1 (pid 101) drained and exited with status 0");
  });
});
