// What several workers store: each slot gets its own back.

import { closeSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { native } from "../../../src/native/index.js";
import type { FdStore } from "../../../src/systemd/as-manager/fd-store.js";
import { eventually } from "../../support/eventually.js";
import { add, connected, makeStore, outer, pipe } from "../../support/fd-stores.js";

describe("of several workers", () => {
  const of = (store: FdStore, slot: number, workers: number) => store.fdsOf({ slot, workers }).map(({ name }) => name);

  test("each gets what was stored in its slot, or in that slot modulo their number where there are fewer", () => {
    const store = makeStore();
    for (const slot of [2, 0, 1]) add(store, [pipe()[0]], `of-${slot}`, true, slot);
    expect([0, 1, 2, 3].map(slot => of(store, slot, 4))).toEqual([["of-0"], ["of-1"], ["of-2"], []]);
    expect([0, 1].map(slot => of(store, slot, 2))).toEqual([["of-2", "of-0"], ["of-1"]]);
    expect(of(store, 0, 1)).toEqual(["of-2", "of-0", "of-1"]);
    expect(outer.map(line => line.split(" ")[1])).toEqual(["zd2+of-2", "zd+of-0", "zd1+of-1"]);
    for (const slot of [0, 1, 2]) store.remove(`of-${slot}`);
    expect(store.fds).toEqual([]);
  });

  test("one removes what it would get, and not what another one stored under the same name", () => {
    const store = makeStore();
    for (const slot of [0, 1, 2]) add(store, [pipe()[0]], "counter", false, slot);
    outer.length = 0;
    store.remove("counter", { slot: 0, workers: 2 });
    expect(of(store, 1, 4)).toEqual(["counter"]);
    expect([store.fds.length, outer]).toEqual([1, ["remove zd-counter", "remove zd2-counter"]]);
    store.remove("counter", { slot: 0, workers: 2 });
    expect(store.fds).toHaveLength(1);
    store.remove("counter", { slot: 1, workers: 4 });
    expect(store.fds).toEqual([]);
  });

  test("each slot's comes back to it from systemd's store; a name may begin like a slot", () => {
    const store = makeStore();
    const [a, b] = native.pipe();
    const [c, d] = native.pipe();
    const passed = [
      { fd: a, name: "zd12+3+4" },
      { fd: b, name: "zd-1-2" },
      { fd: c, name: "zd1-x" },
    ];
    expect(store.adopt([...passed, { fd: d, name: "zd1x" }])).toEqual([{ fd: d, name: "zd1x" }]);
    closeSync(d);
    expect([12, 0, 1].map(slot => of(store, slot, 13))).toEqual([["3+4"], ["1-2"], ["x"]]);
    expect(store.save()).toEqual(passed);
    for (const { name } of store.fds.slice()) store.remove(name);
  });

  test("one hangs up: systemd has lost that slot's name, and the others' is there still", async () => {
    const store = makeStore();
    const [going, staying] = [connected(), connected()];
    add(store, [going.server], "client", true, 1);
    add(store, [staying.server], "client", true, 2);
    going.hangUp();
    await eventually(() => expect(of(store, 2, 3)).toEqual(["client"]));
    await eventually(() => expect(store.fds).toHaveLength(1));
    expect(outer.at(-1)).toBe("lost zd1+client");
    store.remove("client");
  });
});
