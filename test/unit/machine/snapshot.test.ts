// The state as text: what is written is read as the same, and what isn't understood is refused in words.

import { describe, expect, test } from "@jest/globals";
import type { ProbeFailure } from "../../../src/machine/outcome.js";
import { readSnapshot, writeSnapshot } from "../../../src/machine/snapshot.js";
import type { State } from "../../../src/machine/state.js";
import { Machine, SECOND } from "../../support/machine.js";

/** A state in which there is something of every kind. */
function eventful(): State {
  const machine = Machine.serving({ watchdog: 5 * SECOND });
  machine.reload(1);
  machine.spawned(2);
  machine.exits(2, 3);
  machine.reload(2);
  machine.spawned(3);
  machine.fires("start-timeout 3");
  machine.ends(3, { signal: 9, name: "SIGKILL" });
  machine.reload(3);
  machine.spawnFailed(4, "ENOENT", 69);
  machine.reload(4);
  machine.spawned(5);
  machine.says(5, { watchdog: "trigger", status: "loading" });
  machine.reload(5);
  return machine.state;
}

/** Failures of probes, one under way, and a trial that failed by one. */
function probed(): State {
  const machine = Machine.serving({ probes: ["one", "two"] });
  const failures: ProbeFailure[] = [
    { kind: "ended", end: { status: 1 }, lastLine: "no" },
    { kind: "answered", answer: "500" },
    { kind: "error", error: "ENOENT" },
  ];
  machine.probed(1, 0);
  machine.probed(1, 1);
  for (const [index, failure] of failures.entries()) {
    machine.reload(index);
    machine.spawned(2 + index);
    machine.ready(2 + index);
    machine.probed(2 + index, 0, failure);
    machine.ends(2 + index, { signal: 9, name: "SIGKILL" });
  }
  machine.reload(9);
  machine.spawned(5);
  machine.ready(5);
  machine.probed(5, 0);
  return machine.state;
}

function trying(): State {
  const machine = Machine.serving();
  machine.tryOut(1);
  machine.exits(2, 1);
  machine.tryOut(2);
  machine.spawned(3);
  return machine.state;
}

test("every state of a service's life is read as it was written", () => {
  const states = [
    new Machine().state,
    Machine.reloading().state,
    Machine.draining().state,
    Machine.draining({ stopTimeout: Number.POSITIVE_INFINITY }).state,
    eventful(),
    probed(),
    trying(),
  ];
  for (const state of states) expect(readSnapshot(writeSnapshot(state))).toEqual(state);
});

test("a machine goes on from what was read, with the timers that were set", () => {
  const machine = Machine.reloading({ settle: 3 * SECOND });
  machine.state = readSnapshot(writeSnapshot(machine.state));
  machine.ready(2);
  expect(machine.timers).toEqual({ "settle 2": "3s" });
  expect(machine.fires("settle 2")).toContain("result for [1]: generation 2");
});

test("an infinite limit is said as such: WATCHDOG_USEC=infinity leaves no limit, and no number", () => {
  const machine = Machine.serving();
  machine.says(1, { watchdogTimeout: Number.POSITIVE_INFINITY });
  expect(readSnapshot(writeSnapshot(machine.state)).generations[0]!.processes[0]!.watchdog).toBeNull();
});

test("a number that JSON doesn't have is not written as something else", () => {
  const state = { ...Machine.serving().state, crashes: [Number.POSITIVE_INFINITY] };
  expect(() => writeSnapshot(state)).toThrow("the state can't be written down: 0 is Infinity");
});

describe("refused, with the place", () => {
  /** Writes the state, and exchanges one thing in the text. */
  const changed = (pattern: RegExp, by: string) => {
    const text = writeSnapshot(eventful());
    expect(text).toMatch(pattern);
    return text.replace(pattern, by);
  };

  const refused: [string, () => string, RegExp][] = [
    ["what isn't JSON", () => "{", /^the snapshot is not JSON: /],
    [
      "another version",
      () => changed(/"version":4/, '"version":5'),
      /has version 5, and only version 4 is understood$/,
    ],
    ["none at all", () => "null", /has version undefined, and only version 4/],
    ["a state that is missing", () => '{"version":4}', /can't be understood: state is missing$/],
    ["a list for an object", () => '{"version":4,"state":[]}', /state is \[\]$/],
    [
      "another state of a generation",
      () => changed(/"state":"serving"/, '"state":"asleep"'),
      /state\.generations\[0\]\.state is "asleep"$/,
    ],
    ["a field that isn't known", () => changed(/"told":/, '"more":1,"told":'), /state\.more is 1$/],
    ["a field that is missing", () => changed(/"lastNumber":\d+,/, ""), /state\.lastNumber is missing$/],
    ["a text for a number", () => changed(/"startedAt":\d+/, '"startedAt":"now"'), /\.startedAt is "now"$/],
    ["a number for a list", () => changed(/"crashes":\[\]/, '"crashes":1'), /\.crashes is 1$/],
    ["a timer that isn't known", () => changed(/"deadlines":\{\}/, '"deadlines":{"nap":1}'), /deadlines\.nap is 1$/],
    ["another end", () => changed(/"kind":"spawn"/, '"kind":"boredom"'), /outcome\.kind is "boredom"$/],
    ["a fate that isn't known", () => changed(/"kind":"watchdog"/, '"kind":"doom"'), /doom\.kind is "doom"$/],
    ["an end of a kind it isn't", () => changed(/"end":\{"signal":9/, '"end":{"status":9'), /outcome\.end\.name is/],
  ];
  test.each(refused)("%s", (_, text, message) => {
    expect(() => readSnapshot(text())).toThrow(message);
  });
});
