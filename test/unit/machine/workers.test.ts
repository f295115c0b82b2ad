// A generation of several workers, rule by rule: starts, reloads, and the way back.

import { describe, expect, test } from "@jest/globals";
import { abortable } from "../../../src/machine/state.js";
import { Machine, SECOND } from "../../support/machine.js";
import { halfway, SIGKILL, SIGSEGV, starts, told } from "../../support/workers.js";

describe("a start", () => {
  test("all are started at once, and a generation is ready when all of them are", () => {
    const machine = new Machine({ workers: 3 });
    expect(starts(machine.start())).toEqual(["spawn 1", "spawn 1/1", "spawn 1/2"]);
    expect(machine.lastEffects[0]).toMatchObject({ type: "spawn", release: 1, slot: 0, workers: 3 });
    expect(machine.spawned(1)).toEqual(["info: worker 0 of generation 1 (pid 101) started"]);
    expect(machine.ready(1)).toEqual(["debug: worker 0 of generation 1 (pid 101) ready after 0us"]);
    machine.arrive(1, 1);
    machine.now += SECOND;
    expect(machine.arrive(1, 2)).toEqual([
      "info: generation 1 (3 workers) serving: ready after 1s",
      "systemd: READY=1 MAINPID=42 STATUS=Generation 1 serving (3 workers)",
    ]);
  });

  test("one that fails before that fails the start: the others drain", () => {
    const machine = new Machine({ workers: 2 });
    machine.start();
    machine.arrive(1, 0);
    machine.spawned(1, 1);
    expect(machine.exits(1, 3, 1)).toEqual([
      "release 1/1",
      "err: start failed after 0us: worker 1 of generation 1 (pid 111) exited with status 3 before it was ready. Giving up",
      "systemd: STOPPING=1 EXTEND_TIMEOUT_USEC=95000000 " +
        "STATUS=Start failed: worker 1 of generation 1 exited with status 3 before it was ready: " +
        "waiting for generation 1 (1 worker)",
      "signal 1 SIGINT",
    ]);
    expect(machine.exits(1, 0).at(-1)).toBe("exit 3");
  });

  test("the hint about what may be missing comes once for all", () => {
    const machine = new Machine({ workers: 2 });
    machine.start();
    for (const process of [0, 1]) machine.spawned(1, process);
    expect(machine.fires("hint 1")).toEqual([
      expect.stringMatching(/^notice: worker 0 of generation 1 \(pid 101\) has not sent READY=1/),
    ]);
    expect(machine.timers).not.toHaveProperty("hint 1/1");
  });

  test("an operator who aborts the first start for another one aborts all of it", () => {
    const machine = new Machine({ workers: 2 });
    machine.start();
    for (const process of [0, 1]) machine.spawned(1, process);
    expect(machine.reload(1, { replace: true }).slice(1)).toEqual(["kill 1", "kill 1/1"]);
    expect(starts(machine.ends(1, SIGKILL))).toEqual(["spawn 2", "spawn 2/1"]);
    expect(machine.ends(1, SIGKILL, 1)).toEqual([
      "release 1/1",
      "warning: worker 1 of generation 1 (pid 111) was aborted",
    ]);
  });
});

describe("a reload", () => {
  test("starts all at once, and the old ones drain when all are ready", () => {
    const machine = Machine.ofWorkers(2);
    expect(starts(machine.reload(1))).toEqual(["spawn 2", "spawn 2/1"]);
    machine.arrive(2, 0);
    expect(machine.arrive(2, 1)).toEqual([
      "info: generation 2 (2 workers) serving: ready after 0us. Draining generation 1 (2 workers)",
      "systemd: READY=1 MAINPID=42 STATUS=Generation 2 serving (2 workers); draining: generation 1 (2 workers)",
      "signal 1 SIGINT",
      "signal 1/1 SIGINT",
      "result for [1]: generation 2",
    ]);
    expect(machine.exits(1, 0)).toEqual([
      "release 1",
      "info: worker 0 of generation 1 (pid 101) drained and exited with status 0",
      "systemd: STATUS=Generation 2 serving (2 workers); draining: generation 1 (1 worker)",
    ]);
    machine.exits(1, 7, 1);
    expect(machine.state.ended.at(-1)).toMatchObject({ number: 1, outcome: { status: 7 } });
  });

  test("one of the new ones fails: the others drain, the old ones were never told", () => {
    const machine = Machine.ofWorkers(3);
    machine.reload(1);
    machine.arrive(2, 0);
    for (const process of [1, 2]) machine.spawned(2, process);
    const why = "worker 1 of generation 2 exited with status 1 before it was ready";
    expect(machine.exits(2, 1, 1)).toEqual([
      "release 2/1",
      "signal 2/2 SIGINT",
      `systemd: READY=1 STATUS=Reload failed: ${why}. Generation 1 still serving (3 workers)`,
      `result for [1]: Reload failed: ${why}. Generation 1 (3 workers) still serving`,
      `err: reload failed after 0us: ${why.replace("2 exited", "2 (pid 112) exited")}. Generation 1 (3 workers) still serving`,
      "signal 2 SIGINT",
    ]);
    // Whoever asks for the same one is told, while it drains and after that.
    const answer = expect.stringMatching(/^result for \[2\]: Reload failed: worker 1 of generation 2/);
    expect(machine.reload(2, { since: machine.now })).toContainEqual(answer);
    machine.exits(2, 0);
    machine.exits(2, 0, 2);
    expect(machine.state.ended.at(-1)).toMatchObject({ outcome: { status: 1 }, failure: { kind: "reload-failed" } });
    expect(machine.reload(2, { since: machine.now })).toContainEqual(answer);
  });

  test("with --surge 1 it goes slot by slot, and waits for the old one to be gone", () => {
    const machine = Machine.ofWorkers(2, { surge: 1 });
    expect(starts(machine.reload(1))).toEqual(["spawn 2"]);
    machine.now += SECOND;
    expect(machine.arrive(2, 0)).toEqual([
      "info: worker 0 of generation 2 serving: ready after 1s. Draining those that they replace",
      "signal 1 SIGINT",
      "systemd: EXTEND_TIMEOUT_USEC=695000000 STATUS=Starting generation 2 (1 of 2 workers serving)",
    ]);
    machine.now += SECOND;
    expect(starts(machine.exits(1, 0))).toEqual(["spawn 2/1"]);
    expect(machine.arrive(2, 1)).toContain("result for [1]: generation 2");
    expect(machine.exits(1, 0, 1)).toContain("systemd: STATUS=Generation 2 serving (2 workers)");
  });

  test("what drained before it began doesn't count for --surge", () => {
    const machine = Machine.ofWorkers(3, { surge: 1 });
    machine.scale(2);
    machine.now += SECOND;
    expect(starts(machine.reload())).toEqual(["spawn 2"]);
  });

  test("those that are ready together settle together", () => {
    const machine = Machine.ofWorkers(4, { surge: 2, settle: 3 * SECOND });
    machine.reload();
    machine.arrive(2, 0);
    expect(machine.timers).not.toHaveProperty("settle 2");
    machine.arrive(2, 1);
    expect(machine.fires("settle 2")[0]).toBe(
      "info: workers 0, 1 of generation 2 serving: settled for 3s. Draining those that they replace",
    );
  });

  test("one that settles crashes: the timer goes, and the reload fails with its end", () => {
    const machine = Machine.ofWorkers(2, { settle: 3 * SECOND });
    machine.reload();
    machine.arrive(2, 0, 1);
    machine.event({ type: "dying", generation: 2, process: 1 });
    expect(machine.timers).not.toHaveProperty("settle 2");
    expect(machine.ends(2, SIGSEGV, 1)).toContainEqual(expect.stringMatching(/^systemd: READY=1 STATUS=Reload failed/));
  });

  test("one that has ended doesn't take over with the last that becomes ready", () => {
    const machine = Machine.ofWorkers(2);
    machine.reload();
    machine.arrive(2, 0);
    machine.event({ type: "dying", generation: 2, process: 0 });
    expect(machine.arrive(2, 1)).toEqual([expect.stringMatching(/^debug: worker 1 of generation 2 .* ready/)]);
    expect(machine.exits(2, 0)).toContain("signal 2/1 SIGINT");
  });

  test("--same starts again what serves now, and answers nobody who wants what is on disk", () => {
    const machine = Machine.ofWorkers(2);
    machine.reload(1, { same: true });
    expect(machine.lastEffects[0]).toMatchObject({ type: "spawn", generation: 2, release: 1 });
    machine.reload(2, { since: machine.now, same: true });
    expect(machine.state.reload).toEqual({ askers: [1, 2] });
    machine.reload(3, { since: machine.now, same: true, replace: false });
    machine.reload(4, { same: true });
    expect(machine.state.pending).toEqual({ askers: [4], same: true, release: null });
    machine.reload(5, { since: machine.now });
    machine.reload(6, { same: true });
    expect(machine.state.pending).toEqual({ askers: [4, 5, 6], same: false, release: null });
    machine.arrive(2, 0, 1);
    expect(machine.state.generations.at(-1)).toMatchObject({ number: 3, release: 3 });
  });
});

describe("the way back, when one fails in the middle", () => {
  test("slots that were replaced start again from the old release, and only then the new ones drain", () => {
    const machine = halfway();
    const lines = machine.exits(2, 1, 1);
    expect(lines).toContain("spawn 1/2");
    expect(lines.filter(line => line.startsWith("signal"))).toEqual([]);
    expect(machine.lastEffects).toContainEqual(expect.objectContaining({ type: "spawn", slot: 0, release: 1 }));
    expect(told(machine)).toMatch(
      /^Reload failed: worker 1 of generation 2 .*\. Generation 1 still serving \(1 of 2 workers\)$/,
    );
    expect(machine.arrive(1, 2)).toEqual([
      "info: worker 0 of generation 1 (pid 121) serving: ready after 0us",
      "signal 2 SIGINT",
      expect.stringMatching(/^systemd: STATUS=.*still serving \(2 workers\)$/),
    ]);
  });

  test("a new one that serves meanwhile and crashes isn't replaced: who is to come back does that", () => {
    const machine = halfway();
    machine.exits(2, 1, 1);
    expect(machine.ends(2, SIGSEGV)).toEqual([
      "release 2",
      "err: worker 0 of generation 2 (pid 102) was killed by SIGSEGV",
    ]);
  });

  test("one that is to come back and crashes has a backoff, too", () => {
    const machine = halfway();
    machine.exits(2, 1, 1);
    machine.spawned(1, 2);
    expect(starts(machine.exits(1, 1, 2))).toEqual(["spawn 1/3"]);
    machine.spawned(1, 3);
    machine.exits(1, 1, 3);
    expect(machine.timers["again 1/4"]).toBe("100ms");
  });

  test("beside a candidate it isn't started again", () => {
    const machine = halfway();
    machine.exits(2, 1, 1);
    machine.event({ type: "spawned", generation: 1, process: 2, pid: 121 });
    machine.event({ type: "dying", generation: 1, process: 2 });
    machine.reload();
    expect(starts(machine.exits(1, 1, 2))).toEqual([]);
  });

  test("another reload takes over: what was to come back is told to stop", () => {
    const machine = halfway();
    machine.exits(2, 1, 1);
    machine.spawned(1, 2);
    expect(machine.reload(2)).toContain("signal 1/2 SIGINT");
    machine.exits(1, 0, 2);
    machine.now += SECOND;
    expect(machine.arrive(3, 0)).toContain("signal 2 SIGINT");
  });

  test("of two that failed one after the other, one in a slot goes on serving: else no room is left for the third", () => {
    const machine = Machine.ofWorkers(2, { surge: 1 });
    machine.exits(1, 1, 1);
    machine.reload(1);
    machine.scale(4);
    for (const process of [0, 1, 2]) machine.spawned(2, process);
    for (const process of [1, 2]) machine.ready(2, process);
    machine.reload(2);
    machine.exits(2, 1, 0);
    machine.arrive(3, 1);
    machine.reload(3);
    machine.scale(3);
    expect(machine.exits(3, 1, 0)).toEqual(expect.arrayContaining(["signal 2/1 SIGINT", "spawn 4"]));
  });

  test("an operator aborts it: those that start are killed", () => {
    const machine = halfway();
    expect(machine.event({ type: "cancel" })).toEqual(["kill 2/1"]);
    expect(machine.ends(2, SIGKILL, 1)).toContainEqual(expect.stringMatching(/^err: .* was aborted\. Generation 1/));
  });

  test("an operator aborts it while it waits for an old one to be gone", () => {
    const machine = Machine.ofWorkers(2, { surge: 1 });
    machine.reload(1);
    machine.now += SECOND;
    machine.arrive(2, 0);
    expect(machine.event({ type: "cancel" })).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^result for \[1\]: Reload failed: generation 2 was aborted/),
        "spawn 1/2",
      ]),
    );
  });
});

test("a reload fails while nothing else serves: those of it that are ready serve until others do", () => {
  const machine = Machine.serving();
  machine.exits(1, 1);
  machine.spawned(2);
  machine.exits(2, 1);
  machine.reload(1);
  machine.scale(2);
  machine.arrive(3, 0);
  machine.spawned(3, 1);
  const lines = machine.exits(3, 1, 1);
  expect(lines).toContainEqual(expect.stringMatching(/^result for \[1\]: Reload failed: .* No generation is serving$/));
  expect(lines.filter(line => line.startsWith("signal"))).toEqual([]);
  machine.fires("restart 0");
  machine.arrive(4, 0);
  expect(machine.arrive(4, 1)).toContain("signal 3 SIGINT");
});

test("a candidate that there is no room for yet can't be aborted, and a stop leaves nothing of it", () => {
  const machine = Machine.ofWorkers(2);
  machine.reload();
  const [current, starting] = machine.state.generations;
  machine.state = { ...machine.state, generations: [current!, { ...starting!, processes: [] }] };
  expect(abortable(machine.state)).toBeUndefined();
  machine.stop();
  expect(machine.state.generations.map(({ number }) => number)).toEqual([1]);
  expect(machine.state.ended).toEqual([]);
});
