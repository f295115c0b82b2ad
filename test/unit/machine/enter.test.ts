// The gate: states change in one place, and each timer lives only in the states that it is for.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { Machine, SECOND } from "../../support/machine.js";
import { ROOT } from "../../support/supervisor.js";

const FOLDER = `${ROOT}src/machine/`;
const sources = readdirSync(FOLDER).map(file => [file, readFileSync(FOLDER + file, "utf8")] as const);

/** Lines that write the state of a generation or of a process: `state: "…"`, or `{ state }` in what is to change. */
function writesOf(source: string): string[] {
  return source
    .split("\n")
    .filter(
      line =>
        /\bstate: (?!Generation|Process|State\b|[Dd]uty\b|isOneOf)|=> \(\{ state\b/.test(line) && !/^ \*/.test(line),
    );
}

describe("the sources of the machine", () => {
  test("only enter.ts gives a generation or a process a state", () => {
    expect(sources.filter(([, source]) => writesOf(source).length > 0).map(([file]) => file)).toEqual(["enter.ts"]);
  });

  test("only the gate, the timers and update() replace a generation or a process in the state", () => {
    const replaces = /\breplace(?:Generation|Process)\b|\bmove\.state, .*\bgenerations(?:: \[| \})/;
    expect(sources.filter(([, source]) => replaces.test(source)).map(([file]) => file)).toEqual([
      "enter.ts",
      "move.ts",
      "timers.ts",
    ]);
  });

  test("only the files of words and status-text.ts have sentences in them", () => {
    const hasSentence = (source: string) => {
      const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
      return [...code.matchAll(/"[^"\n]*"|`[^`]*`/g)].some(([text]) => /[a-z]{2} [a-z]{2}/.test(text));
    };
    expect(sources.filter(([, source]) => hasSentence(source)).map(([file]) => file)).toEqual([
      "outcome-words.ts",
      "probe-words.ts",
      "status-text.ts",
      "trial-words.ts",
      "words.ts",
    ]);
  });

  test("no file is longer than 350 lines", () => {
    expect(sources.filter(([, source]) => source.split("\n").length > 350).map(([file]) => file)).toEqual([]);
  });
});

describe("a timer is cleared when a state is entered that it doesn't live in", () => {
  const PING = { watchdog: "ping" } as const;
  const watched = { watchdog: 5 * SECOND, startTimeout: 30 * SECOND, settle: 60 * SECOND };
  const starting = () => {
    const machine = Machine.reloading(watched);
    machine.says(2, PING);
    return machine;
  };
  const settling = () => {
    const machine = starting();
    machine.ready(2);
    return machine;
  };
  const own = (machine: Machine) => Object.keys(machine.timers).filter(timer => timer.endsWith(" 2"));

  test.each([
    ["starting", starting, ["start-timeout 2", "hint 2", "watchdog 2"]],
    ["settling", settling, ["watchdog 2", "settle 2"]],
  ] as const)("%s has its own", (_, reach, timers) => {
    expect(own(reach()).sort()).toEqual([...timers].sort());
  });

  test.each([
    ["serving", settling, (machine: Machine) => machine.fires("settle 2"), ["watchdog 2"]],
    ["draining", settling, (machine: Machine) => machine.stop(), ["stop-timeout 2"]],
    ["aborting", starting, (machine: Machine) => machine.fires("watchdog 2"), ["start-timeout 2", "abort-timeout 2"]],
    ["aborting while it settles", settling, (machine: Machine) => machine.fires("watchdog 2"), ["abort-timeout 2"]],
    ["killing", starting, (machine: Machine) => machine.event({ type: "cancel" }), []],
    ["dying", starting, (machine: Machine) => machine.event({ type: "dying", generation: 2, process: 0 }), []],
    ["gone", starting, (machine: Machine) => machine.exits(2, 1), []],
  ] as const)("%s keeps what lives in it", (_, reach, enter, timers) => {
    const machine = reach();
    enter(machine);
    expect(own(machine).sort()).toEqual([...timers].sort());
  });
});
