// The supervisor's shell, driven by random commands through a world of scripted children and a clock that goes on when it is
// told to: 100,000 steps and more. After each the rules of docs/contracts.md 6 are checked on what the shell did. At random
// moments another supervisor goes on from what the first one has saved: the rules hold as if nothing had happened.

import { readdirSync } from "node:fs";
import { expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import type { Config } from "../../src/machine/config.js";
import { native } from "../../src/native/index.js";
import { Cgroup } from "../../src/systemd/as-service/cgroup.js";
import { eventually } from "../support/eventually.js";
import { leftovers } from "../support/native.js";
import { temporaryDirectory } from "../support/supervisor.js";
import { ScriptedCgroup } from "./scripted-cgroup.js";
import { type Sequence, shellSequences } from "./sequences.js";
import type { Fact, ShellAction } from "./shell-child.js";
import { ShellRules } from "./shell-rules.js";
import { ShellWorld } from "./shell-world.js";

const RUNS = 3400;
const STEPS = 100_000;

/** The lives must have shown each of these. */
const KINDS = [
  ...["READY=1", "RELOADING=1", "STOPPING=1", "a reload that succeeds", "a reload that fails"],
  ...[
    "a start",
    "a start that fails",
    "SIGINT",
    "SIGTERM",
    "SIGABRT",
    "SIGCONT",
    "SIGUSR1",
    "kill",
    "reap",
    "exit",
    "take over",
  ],
  ...["left behind", "was dropped", "store is full", "but has ended already"],
];

const lives = fc.record({ sequence: shellSequences, cgroups: fc.boolean(), hangs: fc.boolean() });

interface Life {
  readonly sequence: Sequence<ShellAction>;
  readonly cgroups: boolean;
  readonly hangs: boolean;
}

/** Plays a sequence, and at its end makes every deadline pass. @returns how many steps that took */
async function play({ sequence, ...kernel }: Life, directory: string, observe: (fact: Fact) => void): Promise<number> {
  const rules = new ShellRules();
  const world = new ShellWorld({ ...sequence, ...kernel }, directory, fact => {
    rules.saw(fact);
    observe(fact);
  });
  rules.enter(world);
  let steps = 0;
  const take = async (action: () => void) => {
    action();
    // The askers learn of it.
    await Promise.resolve();
    rules.settle();
    steps++;
  };
  try {
    await take(() => world.supervisor.start());
    for (const action of [...sequence.actions, ...sequence.stops]) {
      if (world.exited) break;
      if (action.do === "reload") rules.reloadComes(!action.asks);
      await take(() => world.act(action));
    }
    await take(() => world.stop());
    if (!world.exited) throw new Error("it never reaches its exit");
  } finally {
    world.close();
  }
  return steps;
}

/** Names a fact, for the count of what was seen. */
function kindOf(fact: Fact): string | undefined {
  if (fact.did === "signal") return fact.signal;
  if (fact.did === "tell") return /^(?:READY|RELOADING|STOPPING)=1/.exec(fact.assignments[0]!)?.[0];
  if (fact.did === "answer") return fact.result.error === null ? "a reload that succeeds" : "a reload that fails";
  if (fact.did === "log") return /left behind|was dropped|store is full|but has ended already/.exec(fact.text)?.[0];
  if (fact.did === "spawn") return fact.child ? "a start" : "a start that fails";
  return fact.did;
}

test(`the rules of 3.5 hold for what the shell does in ${STEPS} steps, and each life of it can be stopped`, async () => {
  const directory = temporaryDirectory();
  const left = leftovers();
  const scripted = jest.spyOn(Cgroup, "at").mockImplementation(path => ScriptedCgroup.byPath(path));
  const seen = new Map<string | undefined, number>();
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(lives, async life => {
      const count = (fact: Fact) => seen.set(kindOf(fact), (seen.get(kindOf(fact)) ?? 0) + 1);
      steps += await play(life, directory.path, count);
    }),
    { numRuns: RUNS },
  );
  expect(steps).toBeGreaterThan(STEPS);
  scripted.mockRestore();
  // They got somewhere: without this, a world in which nothing happens would pass.
  const often = [...seen].filter(([, times]) => times >= 20).map(([kind]) => kind);
  expect(often).toEqual(expect.arrayContaining(KINDS));
  expect(readdirSync(directory.path)).toEqual([]);
  directory.remove();
  await eventually(() => expect(left().fds).toEqual([]));
}, 600_000);

test("a timer does what it is for, even when what a generation has said in time can't be read", () => {
  const directory = temporaryDirectory();
  const facts: Fact[] = [];
  const times = {
    workers: 1,
    queues: 1,
    surge: 1,
    bootWeight: 10,
    bootParallel: 1,
    maxAge: Number.POSITIVE_INFINITY,
    readyDelay: 0,
    startTimeout: 2e6,
    probes: [],
    probeTimeout: 30e6,
    stopTimeout: 1e6,
    beforeDrain: 0,
    settle: 0,
    watchdog: 0,
  };
  const config: Config = {
    ...times,
    pid: 42,
    ready: "notify",
    seesAccepting: false,
    stopSignal: "SIGTERM",
    onCrash: "exit",
  };
  const fates = [
    { late: false, fails: false, isKnown: false, onStop: "exits 0", onAbort: "dies of it", leaves: false },
  ] as const;
  const world = new ShellWorld({ config, fates, lateness: 0, cgroups: false, hangs: false }, directory.path, fact =>
    facts.push(fact),
  );
  world.supervisor.start();
  const denied = jest.spyOn(native, "receive").mockImplementationOnce(() => {
    throw new Error("ENOMEM: not enough memory, recvmsg");
  });
  world.act({ do: "wait", microseconds: config.startTimeout });
  expect(denied).toHaveBeenCalled();
  denied.mockRestore();
  expect(facts).toContainEqual({ did: "kill", child: world.children.all[0] });
  expect(facts).toContainEqual({
    did: "log",
    priority: "err",
    text: expect.stringMatching(/^internal error, going on: Error: ENOMEM/),
  });
  world.stop();
  expect(world.exited).toBe(true);
  world.close();
  directory.remove();
});
