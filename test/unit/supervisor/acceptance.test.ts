// When the supervisor looks who accepts, and what it makes of it, by a clock of the test's own. What is seen is scripted.

import { expect, test } from "@jest/globals";
import type { Listening, Seen } from "../../../src/linux/accepting/look.js";
import { Acceptance } from "../../../src/supervisor/acceptance.js";
import { Machine } from "../../support/machine.js";

const WEB: Listening = { fd: 3, key: "1:9", link: "socket:[1]", name: "web" };
const ADMIN: Listening = { fd: 4, key: "2:9", link: "socket:[2]", name: "admin" };
const SECOND = 1e6;
const look = { type: "look", generation: 1, process: 0, slot: 0, patience: SECOND, goesOn: true } as const;

class World {
  now = 0;
  readonly machine: Machine;
  /** What is seen, and how long it takes to look, µs. */
  seen: { sockets?: Listening[]; hidden?: number[]; obstacles?: string[] } = {};
  takes = 0;
  readonly looks: number[] = [];
  readonly events: object[] = [];
  released = 0;
  private readonly timers = new Set<{ at: number; callback: () => void }>();
  readonly acceptance = new Acceptance(
    () => [WEB, ADMIN],
    {
      now: () => this.now,
      after: (milliseconds, callback) => {
        const timer = { at: this.now + milliseconds * 1e3, callback };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
      lookForWaiting: sockets => this.look(sockets),
      releaseMemory: () => this.released++,
    },
    () => this.machine.state,
    event => this.events.push(event),
  );

  constructor(goesOn = true) {
    const process = { pid: 1, cgroup: { pids: [1] }, hasEnded: false, probeSocket: undefined };
    this.machine = goesOn ? new Machine() : Machine.serving();
    if (goesOn) {
      this.machine.start();
      this.machine.spawned(1);
    }
    this.acceptance.begin({ ...look, goesOn }, process);
    this.acceptance.begin({ ...look, goesOn }, process);
  }

  get timersSet(): number {
    return this.timers.size;
  }

  wait(microseconds: number): void {
    const end = this.now + microseconds;
    for (;;) {
      const next = [...this.timers].sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.timers.delete(next);
      this.now = Math.max(this.now, next.at);
      next.callback();
    }
    this.now = end;
  }

  private look(wanted: readonly Listening[]): Seen {
    this.looks.push(this.now);
    this.now += this.takes;
    const { sockets = [], hidden = [], obstacles = [] } = this.seen;
    return { sockets: new Set(sockets.filter(one => wanted.includes(one))), hidden, obstacles: new Set(obstacles) };
  }
}

const unseen = (sockets: string[], hidden: number[] = [], obstacles: string[] = []) => ({
  type: "unseen",
  generation: 1,
  process: 0,
  sockets,
  hidden,
  obstacles,
});
const accepting = { type: "accepting", generation: 1, process: 0, posthumous: false };

test("the pauses grow from 5 to 50 ms", () => {
  const world = new World();
  world.wait(2 * SECOND);
  const pauses = world.looks.map((time, index) => (time - (world.looks[index - 1] ?? 0)) / 1e3);
  expect(pauses[0]).toBe(5);
  expect(pauses.at(-1)).toBe(50);
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
});

test("a socket that was seen once counts; when all were, that is told and nothing goes on", () => {
  const world = new World();
  world.seen = { sockets: [WEB] };
  world.wait(0.1 * SECOND);
  world.seen = { sockets: [ADMIN] };
  world.wait(0.05 * SECOND);
  expect(world.events).toEqual([accepting]);
  expect(world.acceptance.isLooking).toBe(false);
  world.wait(SECOND);
  expect(world).toMatchObject({ timersSet: 0, released: 1 });
});

test("that nobody accepts is told once, with what is in the way, and the look goes on", () => {
  const world = new World();
  world.seen = { sockets: [WEB], obstacles: ["it has an io_uring"] };
  world.wait(10 * SECOND);
  expect(world.events).toEqual([unseen(["admin"], [], ["it has an io_uring"])]);
  world.seen = { sockets: [ADMIN] };
  world.wait(0.05 * SECOND);
  expect(world.events.slice(1)).toEqual([accepting]);
});

test("a process that is hidden counts when it has been so for long, and not when it is for a moment", () => {
  const world = new World();
  world.wait(0.7 * SECOND);
  world.seen = { hidden: [7] };
  world.wait(0.7 * SECOND);
  world.seen = { hidden: [8] };
  world.wait(0.7 * SECOND);
  expect(world.events).toEqual([]);
  world.wait(0.5 * SECOND);
  expect(world.events[0]).toEqual(unseen(["web", "admin"], [8]));
});

test("a look at what serves ends when that is told, and tells whom it can't see", () => {
  const world = new World(false);
  world.seen = { hidden: [7] };
  world.wait(2 * SECOND);
  expect(world.events).toEqual([unseen(["web", "admin"], [7])]);
  expect(world.timersSet).toBe(0);
});

test.each([
  ["means nothing any more", (world: World) => void world.machine.ready(1)],
  ["is of a process that is gone", (world: World) => world.acceptance.end(look)],
])("a look that %s ends", (_, end) => {
  const world = new World();
  world.wait(0.1 * SECOND);
  const { length } = world.looks;
  end(world);
  world.wait(SECOND);
  expect(world.looks).toHaveLength(length);
  expect(world).toMatchObject({ timersSet: 0, released: 1, events: [] });
});

test("a look that takes long is followed by a pause four times as long", () => {
  const world = new World();
  world.takes = 0.1 * SECOND;
  world.wait(SECOND);
  expect(world.looks).toEqual([5e3, 505e3]);
});
