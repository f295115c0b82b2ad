// News: the lines of the log that have values for programs beside them.

import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { MESSAGE_IDS, type News, upgraded } from "../../../src/machine/news.js";
import { initialState } from "../../../src/machine/state.js";
import { Machine, SECOND } from "../../support/machine.js";
import { ROOT } from "../../support/supervisor.js";

/** What the last step had to tell, without what isn't known. */
function told({ lastEffects }: Machine): Partial<News>[] {
  const news = lastEffects.flatMap(effect => (effect.type === "log" && effect.news ? [effect.news] : []));
  return news.map(one => Object.fromEntries(Object.entries(one).filter(([, value]) => value !== null)));
}

test("a start, a reload and a drain, each with the time that it took", () => {
  const machine = Machine.serving();
  expect(told(machine)).toEqual([{ event: "promoted", generation: 1, pid: 101, release: 1, duration: SECOND }]);
  machine.reload();
  machine.spawned(2);
  expect(told(machine)).toEqual([]);
  machine.now += 2 * SECOND;
  machine.ready(2);
  expect(told(machine)).toEqual([{ event: "promoted", generation: 2, pid: 102, release: 2, duration: 2 * SECOND }]);
  machine.now += SECOND;
  machine.exits(1, 0);
  expect(told(machine)).toEqual([
    { event: "drained", generation: 1, pid: 101, release: 1, duration: SECOND, result: "exit" },
  ]);
});

test("a drain that ends at its limit", () => {
  const machine = Machine.draining();
  machine.fires("stop-timeout 1");
  machine.ends(1, { signal: 9, name: "SIGKILL" });
  expect(told(machine)).toEqual([
    { event: "killed", generation: 1, pid: 101, release: 1, duration: 90 * SECOND, result: "stop-timeout" },
  ]);
});

test("a reload that fails, a start that fails, and one after which the remembered release is started", () => {
  const machine = Machine.reloading();
  machine.exits(2, 3);
  expect(told(machine)).toMatchObject([{ event: "failed", generation: 2, result: "exit" }]);
  for (const remembers of [false, true]) {
    const starting = new Machine();
    starting.start(remembers);
    starting.spawnFailed(1, "ENOENT", 69);
    expect(told(starting)).toEqual([{ event: "failed", generation: 1, release: 1, duration: 0, result: "spawn" }]);
  }
  const replaced = new Machine();
  replaced.start();
  replaced.spawned(1);
  replaced.reload(1, { replace: true });
  replaced.ends(1, { signal: 9, name: "SIGKILL" });
  expect(told(replaced)).toMatchObject([{ event: "failed", generation: 1, result: "cancelled" }]);
});

test("crashes: of what serves, beside a candidate, and of that when nothing serves; and the last one", () => {
  const machine = Machine.reloading({ onCrash: "restart" });
  machine.exits(1, 1);
  expect(told(machine)).toMatchObject([{ event: "crashed", generation: 1 }]);
  // It is the reload's candidate, and there is nothing else.
  machine.exits(2, 1);
  expect(told(machine)).toMatchObject([{ event: "failed", generation: 2 }]);
  machine.exits(3, 1);
  expect(told(machine)).toMatchObject([{ event: "crashed", generation: 3 }]);
  const exiting = Machine.serving({ onCrash: "exit" });
  exiting.exits(1, 1);
  expect(told(exiting)).toMatchObject([{ event: "gave-up", generation: 1, result: "exit" }]);
});

test("of one of several workers its slot is told, and why it is recycled", () => {
  const machine = Machine.ofWorkers(2, { maxAge: 3600 * SECOND });
  machine.exits(1, 1, 1);
  expect(told(machine)).toMatchObject([{ event: "crashed", generation: 1, worker: 1, pid: 111 }]);
  machine.arrive(1, 2);
  expect(told(machine)).toMatchObject([{ event: "promoted", worker: 1, pid: 121 }]);
  machine.fires("age 1");
  expect(told(machine)).toMatchObject([{ event: "recycled", worker: 0, result: "age" }]);
  machine.event({ type: "over-limit", generation: 1, process: 2, memory: 2 ** 30 });
  expect(told(machine)).toMatchObject([{ event: "recycled", worker: 1, result: "memory" }]);
});

test("a dry run is no news", () => {
  const machine = Machine.serving();
  machine.tryOut(1);
  machine.spawned(2);
  machine.ready(2);
  expect(told(machine)).toEqual([]);
  machine.exits(2, 0);
  expect(told(machine)).toEqual([]);
});

test("a supervisor that takes over tells what serves, if anything does", () => {
  expect(upgraded(Machine.serving().state)).toMatchObject({ event: "upgraded", generation: 1, pid: 101 });
  expect(upgraded(initialState)).toMatchObject({ event: "upgraded", generation: null, pid: null });
});

test("the catalog has a text for each, which names only fields that there are", () => {
  const catalog = readFileSync(`${ROOT}src/packaging/zerodown.catalog`, "utf8");
  const entries = catalog.split(/^-- /m).slice(1);
  expect(entries.map(entry => entry.slice(0, 32)).sort()).toEqual(Object.values(MESSAGE_IDS).sort());
  for (const entry of entries)
    expect(entry).toMatch(/^[0-9a-f]{32}\nSubject: \S.*\nDefined-By: Zerodown\nDocumentation: \S+\n\n\S/);
  const fields = [...catalog.matchAll(/@(\w+)@/g)].map(([, name]) => name);
  expect([...new Set(fields)].sort()).toEqual(["ZERODOWN_GENERATION", "ZERODOWN_RESULT", "_SYSTEMD_UNIT"]);
});
