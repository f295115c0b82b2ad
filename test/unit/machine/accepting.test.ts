// The state machine, rule by rule: --ready accept, and what serves though nobody accepts.

import { expect, test } from "@jest/globals";
import type { Config } from "../../../src/machine/config.js";
import type { Unseen } from "../../../src/machine/events.js";
import { initialState, isLookedAt } from "../../../src/machine/state.js";
import { Machine, SECOND } from "../../support/machine.js";

function accepts(machine: Machine, generation: number): string[] {
  return machine.event({ type: "accepting", generation, process: 0 });
}

function unseen(machine: Machine, generation: number, seen: Partial<Unseen> = {}): string[] {
  const nothing = { sockets: ["stream [::]:80"], hidden: [], obstacles: [] };
  return machine.event({ type: "unseen", generation, process: 0, ...nothing, ...seen });
}

const seesAccepting = true;
const started = (config: Partial<Config>) => {
  const machine = new Machine({ seesAccepting, ...config });
  machine.start();
  return machine;
};

test("with --ready accept a generation is looked at from its start, and ready when it accepts; READY=1 counts for nothing", () => {
  const machine = started({ ready: "accept" });
  expect(machine.spawned(1)).toEqual(["info: generation 1 (pid 101) started", "look 1"]);
  expect(machine.lastEffects.at(-1)).toEqual({
    type: "look",
    generation: 1,
    process: 0,
    slot: 0,
    patience: 5 * SECOND,
    goesOn: true,
  });
  expect(machine.timers).toEqual({ "start-timeout 1": "10min" });
  expect(machine.ready(1)).toEqual([]);
  expect(accepts(machine, 1)).toEqual([
    "info: generation 1 (pid 101) serving: ready after 0us",
    "systemd: READY=1 MAINPID=42 STATUS=Generation 1 (pid 101) serving",
  ]);
  expect(machine.timers).toEqual({});
});

test("with --ready notify+accept it is looked at from its READY=1 on, and ready when it accepts", () => {
  const machine = started({ ready: "notify+accept" });
  machine.spawned(1);
  expect(machine.timers).toEqual({ "start-timeout 1": "10min", "hint 1": "5s" });
  expect(machine.ready(1)).toEqual(["look 1"]);
  expect(machine.timers).toEqual({ "start-timeout 1": "10min" });
  expect(accepts(machine, 1)).toContain("info: generation 1 (pid 101) serving: ready after 0us");
  expect(machine.ready(1)).toEqual([]);
});

test("with --ready notify+accept a reload fails whose candidate says READY=1 and ends before it accepts", () => {
  const machine = started({ ready: "notify+accept" });
  machine.spawned(1);
  machine.ready(1);
  accepts(machine, 1);
  machine.reload(1);
  machine.spawned(2);
  expect(machine.ready(2)).toEqual(["look 2"]);
  const reason = "generation 2 exited with status 3 before it was ready. Generation 1 (pid 101) still serving";
  expect(machine.exits(2, 3)).toContain(`result for [1]: Reload failed: ${reason}`);
  expect(accepts(machine, 2)).toEqual([]);
});

test("one that accepts, but has ended already, doesn't take over", () => {
  const machine = started({ ready: "accept" });
  machine.spawned(1);
  accepts(machine, 1);
  machine.reload(1);
  machine.spawned(2);
  expect(machine.event({ type: "accepting", generation: 2, process: 0, posthumous: true })).toEqual([
    "notice: generation 2 (pid 102) was ready, but has ended already: nothing is handed over to it",
  ]);
});

test.each([
  [[], ""],
  [["process 101 has an io_uring"], ". But process 101 has an io_uring: --ready notify doesn't look"],
])("one that doesn't accept after a few seconds is told of, with what is in the way: %j", (obstacles, why) => {
  const machine = started({ ready: "accept" });
  machine.spawned(1);
  expect(unseen(machine, 1, { obstacles })).toEqual([
    `notice: generation 1 (pid 101) waits for no clients on stream [::]:80 after 5s; --start-timeout is 10min${why}`,
  ]);
});

test("one that may not be looked into is killed, and the reason said; a start ends with EX_CONFIG", () => {
  const machine = started({ ready: "accept" });
  machine.spawned(1);
  expect(unseen(machine, 1, { hidden: [101, 201] })).toEqual(["kill 1"]);
  const reason = "can't be told to accept, because process 101, 201 may not be looked into, and was killed";
  const lines = machine.ends(1, { signal: 9, name: "SIGKILL" });
  expect(lines[1]).toBe(`err: start failed after 0us: generation 1 (pid 101) ${reason}. Giving up`);
  expect(lines).toContain("exit 78");
  expect(unseen(machine, 1)).toEqual([]);
});

test("one that was killed is told of no more", () => {
  const machine = started({ ready: "accept" });
  machine.spawned(1);
  machine.fires("start-timeout 1");
  expect(unseen(machine, 1)).toEqual([]);
});

test.each([["notify"], ["exec"]] as const)("with --ready %s one that serves is looked at for a second", ready => {
  const machine = started({ ready });
  machine.spawned(1);
  if (ready === "notify") machine.ready(1);
  expect(machine.lastEffects.at(-1)).toEqual({
    type: "look",
    generation: 1,
    process: 0,
    slot: 0,
    patience: SECOND,
    goesOn: false,
  });
  expect(accepts(machine, 1)).toEqual([]);
  expect(unseen(machine, 1)).toEqual([
    "warning: generation 1 (pid 101) has been serving for 1s, and was never seen to wait for clients on stream [::]:80. " +
      "Does it listen elsewhere? With --ready accept it would not have become ready",
  ]);
});

test("nothing is said of one that serves where not all can be seen, nor of one that drains by now", () => {
  const machine = Machine.serving({ seesAccepting });
  expect(unseen(machine, 1, { hidden: [101] })).toEqual([]);
  expect(unseen(machine, 1, { obstacles: ["it has an io_uring"] })).toEqual([]);
  machine.reload();
  machine.spawned(2);
  machine.ready(2);
  expect(unseen(machine, 1)).toEqual([]);
});

test("a look means something while a candidate starts, or the current one serves, and not at what is doomed or gone", () => {
  const candidate = { generation: 2, process: 0, goesOn: true };
  const current = { generation: 1, process: 0, goesOn: false };
  const machine = Machine.reloading();
  expect(isLookedAt(initialState, current)).toBe(false);
  expect([candidate, current].map(look => isLookedAt(machine.state, look))).toEqual([true, true]);
  expect([candidate, current].map(look => isLookedAt(machine.state, { ...look, goesOn: !look.goesOn }))).toEqual([
    false,
    false,
  ]);
  machine.fires("start-timeout 2");
  expect(isLookedAt(machine.state, candidate)).toBe(false);
});
