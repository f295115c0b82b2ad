// A crash is no deploy: what replaces a generation that crashed is started from its release, whatever is on disk by then.

import { describe, expect, test } from "@jest/globals";
import { keptReleases, REMEMBERED } from "../../../src/machine/releases.js";
import { nameAt } from "../../../src/machine/words.js";
import { Machine, SECOND } from "../../support/machine.js";

/** The releases that the last step's starts are from. */
const startedFrom = ({ lastEffects }: Machine) =>
  lastEffects.flatMap(effect => (effect.type === "spawn" ? [effect.release] : []));

/** Generation 1 serves; generation 2, from what a deployment put on disk, was refused. */
function refused(): Machine {
  const machine = Machine.reloading();
  machine.exits(2, 1);
  return machine;
}

describe("after a release was refused", () => {
  test("a crash of the one that serves starts the one that served, each time", () => {
    const machine = refused();
    machine.exits(1, 1);
    expect(startedFrom(machine)).toEqual([1]);
    machine.spawned(3);
    machine.exits(3, 1);
    machine.fires("restart 0");
    expect(startedFrom(machine)).toEqual([1]);
    machine.spawned(4);
    machine.ready(4);
    machine.now += 60 * SECOND;
    machine.exits(4, 1);
    expect(startedFrom(machine)).toEqual([1]);
  });

  test("a reload takes what is on disk, and --same doesn't", () => {
    const machine = refused();
    machine.reload(1, { same: true });
    expect(startedFrom(machine)).toEqual([1]);
    machine.spawned(3);
    machine.ready(3);
    machine.reload(2);
    expect(startedFrom(machine)).toEqual([4]);
  });
});

test("a crash during a reload that then fails starts the release that served", () => {
  const machine = Machine.reloading();
  machine.exits(1, 1);
  expect(startedFrom(machine)).toEqual([]);
  machine.exits(2, 1);
  expect(startedFrom(machine)).toEqual([1]);
});

test("--same means what served last while nothing serves", () => {
  const machine = refused();
  machine.exits(1, 1);
  machine.spawnFailed(3, "EAGAIN", 71);
  machine.reload(1, { same: true });
  expect(startedFrom(machine)).toEqual([1]);
});

describe("a generation that is found to be started from what an older one was started from", () => {
  test("has that one's release", () => {
    const machine = Machine.reloading();
    machine.event({ type: "recognized", generation: 2, release: 1 });
    machine.ready(2);
    machine.exits(2, 1);
    expect(startedFrom(machine)).toEqual([1]);
    expect(machine.state).toMatchObject({ release: 1, disk: 1 });
  });

  test("still answers who asked for what is on disk", () => {
    const machine = Machine.reloading();
    machine.event({ type: "recognized", generation: 2, release: 1 });
    machine.reload(7, { since: machine.now - SECOND });
    expect(machine.ready(2)).toContain("result for [1,7]: generation 2");
  });

  test("may be older than what is on disk, or gone", () => {
    const machine = Machine.reloading();
    machine.event({ type: "recognized", generation: 1, release: 1 });
    machine.event({ type: "recognized", generation: 9, release: 1 });
    expect(machine.state).toMatchObject({ release: 1, disk: 2 });
  });
});

describe("a rollback", () => {
  test("starts what served before; a second one goes back to where the first came from", () => {
    const machine = Machine.draining();
    machine.rollback(5);
    expect(startedFrom(machine)).toEqual([1]);
    machine.spawned(3);
    expect(machine.ready(3)).toContain("result for [5]: generation 3");
    expect(machine.state).toMatchObject({ release: 1, before: 2, disk: 2 });
    machine.rollback();
    expect(startedFrom(machine)).toEqual([2]);
  });

  test("is told to systemd as a reload, and a crash after it starts what it has started", () => {
    const machine = Machine.draining();
    expect(machine.rollback(5)).toContainEqual(expect.stringMatching(/^systemd: RELOADING=1 /));
    machine.spawned(3);
    machine.ready(3);
    machine.exits(3, 1);
    expect(startedFrom(machine)).toEqual([1]);
  });

  test("that fails leaves all as it was", () => {
    const machine = Machine.draining();
    machine.rollback(5);
    expect(machine.spawnFailed(3, "the release that served before is gone", 69)).toContainEqual(
      expect.stringMatching(
        /^result for \[5\]: Reload failed: generation 3 could not be started: the release .* gone\. Gen/,
      ),
    );
    expect(machine.state).toMatchObject({ release: 2, before: 1 });
  });

  test("has nothing to go back to before the first reload, nor after one that found the same on disk", () => {
    expect(() => new Machine().rollback()).toThrow("nothing");
    const machine = Machine.serving();
    expect(() => machine.rollback()).toThrow("nothing");
    machine.reload(1);
    machine.event({ type: "recognized", generation: 2, release: 1 });
    machine.spawned(2);
    expect(() => machine.rollback()).toThrow("nothing");
    machine.ready(2);
    expect(() => machine.rollback()).toThrow("nothing");
  });

  test("during a reload is of what that starts, whether it becomes ready or not", () => {
    for (const end of ["ready", "exits"] as const) {
      const machine = Machine.reloading();
      machine.rollback(5);
      if (end === "ready") machine.ready(2);
      else machine.exits(2, 1);
      expect(startedFrom(machine)).toEqual([1]);
    }
  });

  test("--replace aborts the candidate that is in its way", () => {
    const machine = Machine.reloading();
    expect(machine.rollback(5, true)).toContain("kill 2");
    machine.ends(2, { signal: 9, name: "SIGKILL" });
    expect(startedFrom(machine)).toEqual([1]);
  });

  test("that is asked for twice at once is not a rollback and one back", () => {
    const machine = Machine.draining();
    machine.rollback(5);
    machine.spawned(3);
    machine.rollback(6);
    machine.rollback(7);
    machine.ready(3);
    expect(startedFrom(machine)).toEqual([1]);
    machine.spawned(4);
    expect(machine.ready(4)).toContain("result for [6,7]: generation 4");
  });

  test("and a reload overtake one another while they wait; who is overtaken is told", () => {
    const machine = Machine.reloading();
    machine.reload(2);
    expect(machine.rollback(3)).toContain("result for [2]: Another reload, or a rollback, was asked for after it");
    expect(machine.reload(4)).toContain("result for [3]: Another reload, or a rollback, was asked for after it");
    machine.ready(2);
    expect(startedFrom(machine)).toEqual([3]);
  });

  test("at a stop is refused", () => {
    const machine = Machine.draining();
    machine.stop();
    expect(machine.rollback(5)).toContain("result for [5]: the service is stopping");
  });

  test("of a service that has been reloaded since doesn't answer who wants what is on disk", () => {
    const machine = Machine.draining();
    const since = machine.now - SECOND;
    machine.rollback(5);
    machine.spawned(3);
    machine.now += SECOND;
    machine.reload(6, { since: since + 2 * SECOND });
    expect(machine.ready(3)).not.toContainEqual(expect.stringMatching(/^result for \[.*6/));
    expect(startedFrom(machine)).toEqual([4]);
  });
});

describe("where a release is remembered from before, and the first start fails,", () => {
  /** Generation 1, from what is on disk, has failed. */
  function fallenBack(config = {}): { machine: Machine; lines: string[] } {
    const machine = new Machine(config);
    machine.start(true);
    machine.spawned(1);
    return { machine, lines: machine.exits(1, 3) };
  }

  test("that release is started, and log and STATUS= say why", () => {
    const { machine, lines } = fallenBack();
    expect(startedFrom(machine)).toEqual([REMEMBERED]);
    expect(lines).toContainEqual(
      expect.stringMatching(/^err: start failed .* status 3 .*Starting generation 2 from the release that served last/),
    );
    machine.spawned(2);
    expect(machine.ready(2)).toContain(
      "systemd: READY=1 MAINPID=42 STATUS=Start failed: generation 1 exited with status 3 before it was ready. " +
        "Generation 2 (pid 102) serving: the release that served last",
    );
    expect(machine.state).toMatchObject({ release: REMEMBERED, disk: 1, before: null });
    machine.exits(2, 1);
    expect(startedFrom(machine)).toEqual([REMEMBERED]);
    machine.spawned(3);
    machine.ready(3);
    machine.reload(1);
    expect(startedFrom(machine)).toEqual([4]);
  });

  test("with several workers STATUS= counts them", () => {
    const { machine } = fallenBack({ workers: 2 });
    machine.ends(1, { status: 0 }, 1);
    machine.arrive(2, 0, 1);
    expect(machine.state.told).toMatch(
      /^Start failed: .*\. Generation 2 serving \(2 workers\): the release that served last$/,
    );
  });

  test("but once only", () => {
    const { machine } = fallenBack();
    machine.spawned(2);
    expect(machine.exits(2, 4)).toContain("exit 4");
  });

  test("and not where that is what failed, nor where an operator has aborted it", () => {
    const same = new Machine();
    same.start(true);
    same.event({ type: "recognized", generation: 1, release: REMEMBERED });
    same.spawned(1);
    expect(same.exits(1, 3)).toContain("exit 3");
    const aborted = new Machine();
    aborted.start(true);
    aborted.spawned(1);
    aborted.event({ type: "cancel" });
    expect(aborted.ends(1, { signal: 9, name: "SIGKILL" })).toContain("exit 75");
  });

  test("who asked for another start meanwhile is told that it failed, or gets one more", () => {
    const machine = new Machine();
    machine.start(true);
    machine.spawned(1);
    machine.reload(1, { replace: true });
    machine.ends(1, { signal: 9, name: "SIGKILL" });
    machine.spawned(2);
    machine.reload(2);
    expect(machine.exits(2, 3)).toContainEqual(expect.stringMatching(/^result for \[1\]: Start failed: generation 2 /));
    expect(startedFrom(machine)).toEqual([REMEMBERED]);
    machine.spawned(3);
    machine.ready(3);
    expect(startedFrom(machine)).toEqual([4]);
  });
});

describe("a release is remembered", () => {
  test("as soon as it serves, without --settle", () => {
    const machine = Machine.draining();
    expect(machine.remembered).toEqual([1, 2]);
  });

  test("when it has served for --settle, and not if it has ended by then", () => {
    const machine = Machine.serving({ settle: 3 * SECOND });
    expect(machine.remembered).toEqual([]);
    machine.fires("remember 0");
    expect(machine.remembered).toEqual([1]);
    const crashing = Machine.serving({ settle: 3 * SECOND });
    crashing.exits(1, 1);
    crashing.fires("remember 0");
    expect(crashing.remembered).toEqual([]);
  });

  test("no more when all ends", () => {
    const machine = Machine.serving({ settle: 3 * SECOND });
    expect(machine.isProving).toBe(true);
    machine.stop();
    expect(machine.isProving).toBe(false);
  });
});

test("those are kept that something may yet be started from, or compared with", () => {
  expect(keptReleases(new Machine().state)).toEqual([0, 0, 0]);
  expect(keptReleases(Machine.draining().state)).toEqual([1, 2, 2, 1, 2]);
});

test("a process that the state doesn't know has its generation's name", () => {
  expect(nameAt(Machine.serving().state, { generation: 1, process: 0 }, 101)).toBe("generation 1 (pid 101)");
  expect(nameAt(new Machine().state, { generation: 4, process: 0 }, undefined)).toBe("generation 4");
});
