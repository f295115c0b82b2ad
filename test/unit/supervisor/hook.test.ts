// --on-event with real commands: each event once, in order, one at a time, and nobody waits.

import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { News } from "../../../src/machine/news.js";
import { Hook } from "../../../src/supervisor/hook.js";
import { type Outside, outside } from "../../../src/supervisor/outside.js";
import { doorThatCloses } from "../../support/door.js";
import { eventually } from "../../support/eventually.js";
import { leftovers } from "../../support/native.js";
import { isAlive } from "../../support/processes.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
let said: string[];
beforeEach(() => {
  directory = temporaryDirectory();
  said = [];
});
afterEach(() => directory.remove());

const NOTHING = { worker: null, pid: null, release: null, duration: null, result: null };
const promoted = (generation: number): News => ({ event: "promoted", generation, ...NOTHING });

const ENVIRONMENT = {
  PATH: process.env.PATH!,
  TOKEN: "\xff",
  NOTIFY_SOCKET: "/run/x",
  LISTEN_FDS: "1",
  WATCHDOG_USEC: "1",
  ZERODOWN_PID: "7",
};

function newHook(command: string, door: Outside = outside): Hook {
  const launch = { environment: ENVIRONMENT, ignoresSigpipe: false, fileLimit: -1 };
  return new Hook(command, launch, door, (priority, text) => said.push(`${priority}: ${text}`));
}

const file = (name: string) => `${directory.path}/${name}`;
const lines = (name = "out") => readFileSync(file(name), "utf8").split("\n").slice(0, -1);
const hasEnded = (hook: Hook) => eventually(() => expect(hook.save()).toEqual({ running: null, waiting: [] }));

test("it finds what is known of the event in its environment, and the unit's own variables, without systemd's words to us", async () => {
  const hook = newHook(`{ pwd; env; } | grep -av '^_=\\|^PWD=\\|^OLDPWD=\\|^SHLVL=' >${file("out")}`);
  const left = leftovers();
  hook.tell(
    { event: "killed", generation: 3, worker: 0, pid: 40, release: 2, duration: 5e6, result: "stop-timeout" },
    "a line: é",
  );
  await hasEnded(hook);
  expect(readFileSync(file("out"), "latin1").split("\n").slice(0, -1).sort()).toEqual(
    [
      "/",
      `PATH=${process.env.PATH}`,
      "TOKEN=\xff",
      "ZERODOWN_EVENT=killed",
      `ZERODOWN_MESSAGE=a line: ${Buffer.from("é").toString("latin1")}`,
      ...["ZERODOWN_GENERATION=3", "ZERODOWN_WORKER=0", "ZERODOWN_PID=40", "ZERODOWN_RELEASE=2"],
      ...["ZERODOWN_DURATION_USEC=5000000", "ZERODOWN_RESULT=stop-timeout"],
    ].sort(),
  );
  expect(left()).toEqual({ fds: [], children: [] });
  expect(said).toEqual([]);
});

test("one at a time, in order; the others wait, and nobody waits for them", async () => {
  const hook = newHook(`echo begin $ZERODOWN_GENERATION >>${file("out")}; sleep 0.05; echo end >>${file("out")}`);
  for (const generation of [1, 2, 3]) hook.tell(promoted(generation), "");
  expect(hook.save()).toMatchObject({ running: null, waiting: [{}, {}, {}] });
  await hasEnded(hook);
  expect(lines()).toEqual(["begin 1", "end", "begin 2", "end", "begin 3", "end"]);
});

test("more than 32 that wait are not kept: the oldest is left out, and the log says so", async () => {
  writeFileSync(file("out"), "");
  const hook = newHook(`echo $ZERODOWN_GENERATION >>${file("out")}`);
  for (let generation = 1; generation <= 34; generation++) hook.tell(promoted(generation), "");
  await hasEnded(hook);
  expect(lines()).toEqual(Array.from({ length: 32 }, (_, index) => String(index + 3)));
  expect(said).toEqual(
    [1, 2].map(left => `warning: --on-event: more than 32 events wait: promoted (generation ${left}) is left out`),
  );
});

test("what it writes, and how it fails, is logged; the next one runs all the same", async () => {
  const hook = newHook(`echo "to $ZERODOWN_EVENT"; exit $ZERODOWN_GENERATION`);
  hook.tell(promoted(0), "");
  hook.tell(promoted(3), "");
  await hasEnded(hook);
  expect(said).toEqual([
    "info: --on-event of promoted (generation 0) says: to promoted",
    "info: --on-event of promoted (generation 3) says: to promoted",
    "warning: --on-event of promoted (generation 3) exited with status 3",
  ]);
});

test("one that could not be started costs its event alone", async () => {
  let count = 0;
  const door: Outside = {
    ...outside,
    spawn: options => {
      if (count++ === 0) throw new Error("EAGAIN: no process");
      return outside.spawn(options);
    },
  };
  const left = leftovers();
  const hook = newHook(`echo $ZERODOWN_GENERATION >${file("out")}`, door);
  hook.tell({ event: "upgraded", generation: null, ...NOTHING }, "");
  hook.tell(promoted(2), "");
  await hasEnded(hook);
  expect(lines()).toEqual(["2"]);
  expect(said).toEqual(["warning: --on-event of upgraded could not be started: EAGAIN: no process"]);
  expect(left()).toEqual({ fds: [], children: [] });
});

test("one that takes more than 30 s is killed, with all that it has started, and the next one runs", async () => {
  const limits: [number, () => void][] = [];
  const after = (time: number, callback: () => void) => {
    limits.push([time, callback]);
    return () => {};
  };
  const door: Outside = { ...outside, after, now: () => 0 };
  const hook = newHook(`[ $ZERODOWN_GENERATION != 1 ] || sleep infinity & echo $! >>${file("out")}; wait`, door);
  hook.tell(promoted(1), "");
  hook.tell(promoted(2), "");
  await eventually(() => expect(lines()).toHaveLength(1));
  const [[time, fires]] = limits as [[number, () => void]];
  expect(time).toBe(30_000);
  expect(hook.unreaped).toEqual([hook.save().running!.command.pid]);
  fires();
  await hasEnded(hook);
  expect(hook.unreaped).toEqual([]);
  expect(lines()).toHaveLength(2);
  await eventually(() => expect(isAlive(Number(lines()[0]))).toBe(false));
  expect(said).toEqual(["warning: --on-event has run for 30s and is killed"]);
});

test("another supervisor goes on with the one that runs, and with those that wait", async () => {
  const command = `echo begin $ZERODOWN_GENERATION >>${file("out")}; until [ -e ${file("go")} ]; do sleep 0.01; done; echo end`;
  const { door, close } = doorThatCloses();
  const first = newHook(command, door);
  first.tell(promoted(1), "");
  first.tell(promoted(2), "");
  await eventually(() => expect(lines()).toEqual(["begin 1"]));
  const saved = JSON.parse(JSON.stringify(first.save()));
  close();
  const limits: number[] = [];
  const second = newHook(command, {
    ...outside,
    // 20 s later.
    now: () => outside.now() + 20e6,
    after: (time, callback) => {
      limits.push(time);
      return outside.after(time, callback);
    },
  });
  second.adopt(saved);
  writeFileSync(file("go"), "");
  await hasEnded(second);
  // The first has what is left of its time.
  expect(limits[0]).toBeGreaterThan(5_000);
  expect(limits[0]).toBeLessThanOrEqual(10_000);
  expect(lines()).toEqual(["begin 1", "begin 2"]);
  expect(said).toEqual([
    "info: --on-event of an event says: end",
    "info: --on-event of promoted (generation 2) says: end",
  ]);
});
