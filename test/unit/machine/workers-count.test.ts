// A generation of several workers, rule by rule: crashes, other numbers of them, a stop.

import { describe, expect, test } from "@jest/globals";
import { findActor, isIdle } from "../../../src/machine/state.js";
import { Machine, SECOND } from "../../support/machine.js";
import { halfway, SIGKILL, SIGSEGV, starts, told } from "../../support/workers.js";

describe("a worker crashes", () => {
  test("it alone is started again, from its release, at once and then with a backoff of its own", () => {
    const machine = Machine.ofWorkers(3);
    expect(machine.ends(1, SIGSEGV, 1)).toEqual([
      "release 1/1",
      "err: worker 1 of generation 1 (pid 111) was killed by SIGSEGV. Starting it again at once",
      "spawn 1/3",
      "systemd: STATUS=Worker 1 of generation 1 (pid 111) was killed by SIGSEGV. Generation 1 still serving (2 of 3 workers)",
    ]);
    expect(machine.lastEffects).toContainEqual(expect.objectContaining({ type: "spawn", slot: 1, release: 1 }));
    machine.spawned(1, 3);
    expect(machine.exits(1, 4, 3)).toContain(
      "err: worker 1 of generation 1 (pid 131) exited with status 4 before it was ready. Starting it again in 100ms",
    );
    expect(findActor(machine.state, 1, 4)!.process).toMatchObject({ state: "waiting", restarts: 2 });
    expect(machine.timers["again 1/4"]).toBe("100ms");
    // Another one has a backoff of its own.
    expect(starts(machine.ends(1, SIGSEGV, 2))).toEqual(["spawn 1/5"]);
    expect(starts(machine.fires("again 1/4"))).toEqual(["spawn 1/4"]);
    machine.arrive(1, 4);
    expect(machine.arrive(1, 5).at(-1)).toBe("systemd: STATUS=Generation 1 serving (3 workers)");
  });

  test("all of them crash at once: each is started again", () => {
    const machine = Machine.ofWorkers(8);
    const lines = Array.from({ length: 8 }, (_, process) => machine.ends(1, SIGSEGV, process)).flat();
    expect(starts(lines)).toHaveLength(8);
    expect(told(machine)).toMatch(/Generation 1 still serving \(0 of 8 workers\)$/);
  });

  test("more than 5 crashes of each within 10 s are too many", () => {
    const machine = Machine.ofWorkers(2);
    for (let crash = 0; crash < 5; crash++) {
      for (const slot of [0, 1]) {
        const process = 2 * crash + slot;
        if (machine.timers[`again 1/${process}`]) machine.fires(`again 1/${process}`);
        machine.spawned(1, process);
        machine.exits(1, 1, process);
      }
    }
    expect(machine.state.phase).toBe("running");
    machine.fires("again 1/10");
    const lines = machine.exits(1, 1, 10);
    expect(lines).toContainEqual(expect.stringMatching(/Giving up \(11 crashes within 10s\)$/));
    expect(lines.at(-1)).toBe("exit 1");
    // The one that waited for its backoff is forgotten.
    expect(machine.timers).toEqual({});
  });

  test("--on-crash=exit: the others are told to stop", () => {
    const machine = Machine.ofWorkers(2, { onCrash: "exit" });
    expect(machine.ends(1, SIGSEGV)).toContain("signal 1/1 SIGINT");
    expect(machine.exits(1, 0, 1).at(-1)).toBe("exit 139");
  });

  test("all of the old ones crash while the new ones settle: these take over at once", () => {
    const machine = Machine.ofWorkers(2, { settle: 3 * SECOND });
    machine.reload(1);
    machine.arrive(2, 0, 1);
    machine.ends(1, SIGSEGV);
    expect(machine.ends(1, SIGSEGV, 1)).toContain("result for [1]: generation 2");
  });

  test("while a candidate starts, one that crashes is started again beside it", () => {
    const machine = Machine.ofWorkers(2);
    machine.reload();
    expect(starts(machine.ends(1, SIGSEGV))).toEqual(["spawn 1/2"]);
  });

  test("the start of one that replaces another is no start of a generation: systemd isn't asked for patience", () => {
    const machine = Machine.ofWorkers(2);
    machine.ends(1, SIGSEGV);
    machine.spawned(1, 2);
    expect(machine.says(1, { extend: 5 * SECOND }, 2)).toEqual([]);
    expect(machine.fires("start-timeout 1/2")).toEqual(["kill 1/2"]);
    expect(machine.ends(1, SIGKILL, 2)).toContainEqual(
      expect.stringMatching(/was not ready within 10min and was killed\. Starting/),
    );
  });
});

describe("another number of workers", () => {
  test("more are started, and who asked learns when they serve", () => {
    const machine = Machine.ofWorkers(2);
    expect(machine.scale(3, 7)).toEqual([
      "info: 3 workers wanted, instead of 2",
      "spawn 1/2",
      "systemd: STATUS=Generation 1 serving (2 of 3 workers)",
    ]);
    expect(machine.arrive(1, 2)).toEqual([
      "info: worker 2 of generation 1 (pid 121) serving: ready after 0us",
      "result for [7]: generation 1",
      "systemd: STATUS=Generation 1 serving (3 workers)",
    ]);
    // It outlives a reload.
    expect(starts(machine.reload())).toHaveLength(3);
  });

  test("one that fails is told to who asked, and is started again", () => {
    const machine = Machine.ofWorkers(2);
    machine.scale(3, 7);
    const lines = machine.spawnFailed(1, "EAGAIN: no room, clone 'app'", 71, 2);
    expect(lines).toContain(
      "result for [7]: Worker 2 of generation 1 could not be started: EAGAIN: no room, clone 'app'",
    );
    expect(lines).toContain("spawn 1/3");
  });

  test("fewer: those of the last slots drain, and the answer comes at once", () => {
    const machine = Machine.ofWorkers(3);
    expect(machine.scale(1, 7)).toEqual([
      "info: 1 worker wanted, down from 3",
      "signal 1/1 SIGINT",
      "signal 1/2 SIGINT",
      "result for [7]: generation 1",
      "systemd: STATUS=Generation 1 serving (1 worker)",
    ]);
    expect(machine.exits(1, 0, 1)).toContain(
      "info: worker 1 of generation 1 (pid 111) drained and exited with status 0",
    );
  });

  test("what waits for its backoff in a slot that is gone never starts", () => {
    const machine = Machine.ofWorkers(2);
    machine.ends(1, SIGSEGV, 1);
    machine.spawned(1, 2);
    machine.ends(1, SIGSEGV, 2);
    machine.scale(1);
    expect(machine.timers).toEqual({});
    expect(machine.state.generations[0]!.processes).toHaveLength(1);
  });

  test("what waits for its backoff is started as one of as many as are wanted by then", () => {
    const machine = Machine.ofWorkers(2);
    machine.ends(1, SIGSEGV, 1);
    machine.spawned(1, 2);
    machine.ends(1, SIGSEGV, 2);
    machine.scale(3);
    machine.fires("again 1/3");
    expect(machine.lastEffects).toContainEqual(expect.objectContaining({ type: "spawn", slot: 1, workers: 3 }));
  });

  test("whoever asked for another number before, which never served, is told so; for the same number both wait", () => {
    const machine = Machine.ofWorkers(1);
    machine.scale(3, 7);
    expect(machine.scale(3, 8)).not.toContainEqual(expect.stringMatching(/^result/));
    expect(machine.scale(2, 9)).toContain("result for [7,8]: Another number of workers was asked for after it: 2");
    machine.spawned(1, 1);
    expect(machine.ready(1, 1)).toContain("result for [9]: generation 1");
  });

  test("during a reload only the new generation gets more", () => {
    const machine = Machine.ofWorkers(2);
    machine.reload();
    expect(starts(machine.scale(3))).toEqual(["spawn 2/2"]);
    machine.arrive(2, 0, 1);
    expect(machine.arrive(2, 2)[0]).toMatch(/^info: generation 2 \(3 workers\) serving/);
  });

  test("during a reload, fewer: what the candidate waited for is wanted no more", () => {
    const machine = Machine.ofWorkers(2);
    machine.reload(1);
    machine.arrive(2, 0);
    machine.spawned(2, 1);
    expect(machine.scale(1, 2)).toEqual(
      expect.arrayContaining(["signal 1/1 SIGINT", "signal 2/1 SIGINT", "result for [1]: generation 2"]),
    );
  });

  test("in the middle of a rolling reload, fewer: it has arrived", () => {
    const machine = halfway();
    expect(machine.scale(1)).toContain("result for [1]: generation 2");
  });

  test("in the middle of a rolling reload, fewer: systemd waits for these drains, too", () => {
    const machine = Machine.ofWorkers(4, { surge: 1 });
    machine.reload(1);
    machine.arrive(2, 0);
    // 90 s for the drain, 10 min for the start after it, and 5 s.
    expect(machine.scale(3)).toContainEqual(expect.stringMatching(/^systemd: EXTEND_TIMEOUT_USEC=695000000 /));
    machine.exits(1, 0);
    expect(machine.exits(1, 0, 3)).not.toContainEqual(expect.stringContaining("EXTEND_TIMEOUT"));
  });

  test("fewer, while the last of the new ones settles: it isn't waited for", () => {
    const machine = Machine.ofWorkers(2, { surge: 1, settle: 3 * SECOND });
    machine.reload(1);
    machine.arrive(2, 0);
    machine.fires("settle 2");
    machine.exits(1, 0);
    machine.arrive(2, 1);
    expect(machine.scale(1)).toContain("result for [1]: generation 2");
  });

  test("more, and the old ones are gone before all of them serve", () => {
    const machine = Machine.ofWorkers(2, { surge: 1, settle: 3 * SECOND });
    machine.reload(1);
    machine.arrive(2, 0);
    machine.fires("settle 2");
    machine.exits(1, 0);
    machine.arrive(2, 1);
    machine.scale(3);
    expect(starts(machine.fires("settle 2"))).toEqual(["spawn 2/2"]);
    machine.exits(1, 0, 1);
    expect(machine.state.generations.map(({ processes }) => processes.length)).toEqual([0, 3]);
    machine.arrive(2, 2);
    expect(machine.state.generations.map(({ number }) => number)).toEqual([2]);
    expect(machine.state.ended.at(-1)).toMatchObject({ number: 1, outcome: { status: 0 } });
  });

  test("fewer than there are accept queues are refused, and nothing changes", () => {
    const machine = Machine.ofWorkers(3, { queues: 2 });
    expect(starts(machine.scale(2))).toEqual([]);
    expect(machine.scale(1, 7)).toEqual([
      "notice: 1 worker refused: There are 2 accept queues, and each takes a worker",
      "result for [7]: There are 2 accept queues, and each takes a worker",
    ]);
    expect(machine.scale(1)[0]).toMatch(/^notice: 1 worker refused/);
    expect(machine.state.workers).toBe(2);
  });

  test("while it stops that is refused", () => {
    const machine = Machine.ofWorkers(2);
    machine.stop();
    expect(machine.scale(3, 7)).toEqual(["result for [7]: the service is stopping"]);
    expect(machine.scale(3)).toEqual(["result for []: the service is stopping"]);
  });

  test("who waits for more when it stops is told so", () => {
    const machine = Machine.ofWorkers(2);
    machine.scale(3, 7);
    expect(machine.stop()).toContain("result for [7]: the service is stopping");
  });

  test("down to one, which crashes while the other drains: it is started again in its generation", () => {
    const machine = Machine.ofWorkers(2);
    machine.scale(1);
    expect(starts(machine.ends(1, SIGSEGV))).toEqual(["spawn 1/2"]);
  });

  test("down to one, which crashes: the next generation is started, as ever", () => {
    const machine = Machine.ofWorkers(2);
    machine.scale(1);
    machine.exits(1, 0, 1);
    expect(starts(machine.ends(1, SIGSEGV))).toEqual(["spawn 2"]);
    expect(starts(machine.scale(2))).toEqual(["spawn 2/1"]);
    machine.arrive(2, 1);
    machine.spawned(2);
    // Nothing else serves: the one that is ready does.
    expect(machine.exits(2, 1)).toContain("spawn 2/2");
    expect(told(machine)).toMatch(/Generation 2 still serving \(1 of 2 workers\)$/);
  });
});

test("a stop reaches all at once, those of every generation", () => {
  const machine = halfway();
  expect(machine.stop().filter(line => line.startsWith("signal"))).toEqual([
    "signal 1/1 SIGINT",
    "signal 2 SIGINT",
    "signal 2/1 SIGINT",
  ]);
  machine.exits(2, 0);
  machine.exits(2, 0, 1);
  expect(machine.exits(1, 0, 1).at(-1)).toBe("exit 0");
});

test("a watchdog is each worker's own", () => {
  const machine = Machine.ofWorkers(2, { watchdog: 5 * SECOND });
  for (const process of [0, 1]) machine.says(1, { watchdog: "ping" }, process);
  machine.now += SECOND;
  machine.says(1, { watchdog: "ping" });
  expect(machine.fires("watchdog 1/1")).toContain("signal 1/1 SIGABRT");
  expect(told(machine)).toBe("Generation 1 serving (1 of 2 workers)");
});

test("it is idle when one generation serves, and nothing of it starts or drains", () => {
  const machine = Machine.ofWorkers(2);
  expect(isIdle(machine.state)).toBe(true);
  machine.ends(1, SIGSEGV);
  expect(isIdle(machine.state)).toBe(false);
  machine.arrive(1, 2);
  expect(isIdle(machine.state)).toBe(true);
  machine.reload();
  expect(isIdle(machine.state)).toBe(false);
  expect(isIdle(new Machine().state)).toBe(false);
});

test("the only worker of a queue crashes that a failed reload had left, while the next one settles: another one starts", () => {
  const machine = Machine.ofWorkers(3, { queues: 2, surge: 1, settle: 3 * SECOND });
  machine.reload(1);
  for (const slot of [0, 1]) {
    machine.arrive(2, slot);
    machine.fires("settle 2");
    machine.exits(1, 0, slot);
  }
  machine.exits(2, 1, 2);
  machine.reload(2);
  machine.arrive(3, 0);
  expect(starts(machine.exits(2, 1, 1))).toEqual(["spawn 1/5"]);
});
