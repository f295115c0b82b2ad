// Makes what is random: the options, the children's fates, and what happens in which order.

import fc from "fast-check";
import type { Config, ReadyMode } from "../../src/machine/config.js";
import type { Happening, Notification } from "../../src/machine/events.js";
import type { End } from "../../src/machine/outcome.js";
import type { ShellAction } from "./shell-child.js";
import type { Action, Fate } from "./vocabulary.js";

const time = (...choices: number[]) => fc.constantFrom(...choices);

const options = (...modes: ReadyMode[]) => ({
  pid: fc.constant(42),
  ready: fc.constantFrom<ReadyMode[]>("notify", "notify", "notify", "exec", "delay", "fd", ...modes),
  readyDelay: time(0, 300e3, 7e6),
  probes: fc.constant<string[]>([]),
  probeTimeout: fc.constant(30e6),
  startTimeout: time(50e3, 2e6, 600e6, Number.POSITIVE_INFINITY),
  beforeDrain: fc.constant(0),
  stopTimeout: time(0, 50e3, 2e6, 90e6, Number.POSITIVE_INFINITY),
  // Never over when another timer fires: which of the two is first would matter, and a bystander can't tell.
  settle: time(0, 0, 307e3, 3.07e6),
  stopSignal: fc.constantFrom("SIGINT", "SIGTERM"),
  onCrash: fc.constantFrom<Config["onCrash"][]>("restart", "restart", "restart", "exit"),
  workers: fc.constant(1),
  queues: fc.constant(1),
  surge: fc.constant(Number.POSITIVE_INFINITY),
  bootWeight: fc.constantFrom(10, 10, 100),
  bootParallel: fc.constant(1),
  maxAge: fc.constant(Number.POSITIVE_INFINITY),
  watchdog: time(0, 0, 50e3, 400e3, 3e6),
  seesAccepting: fc.constant(modes.length > 0),
});

/** Of the machine alone. */
const probes = {
  probes: fc.constantFrom<string[][]>([], [], ["one"], ["one", "two"]),
  probeTimeout: time(70e3, 2.3e6, Number.POSITIVE_INFINITY),
};

const configs = (...modes: ReadyMode[]): fc.Arbitrary<Config> =>
  fc.record({ ...options(...modes), ...(modes.length > 0 ? probes : {}) });

const workersConfigs: fc.Arbitrary<Config> = fc
  .record({
    ...options(),
    ...probes,
    workers: fc.constantFrom(2, 3, 4),
    queues: fc.constantFrom(1, 1, 2),
    surge: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
    bootParallel: fc.constantFrom(1, 2, 4),
    maxAge: time(1.3e6, 20.7e6, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
  })
  // The command line doesn't allow both: a reload that waits for those that it replaces might never end.
  .filter(({ surge, stopTimeout }) => Number.isFinite(stopTimeout) || !Number.isFinite(surge));

const fates: fc.Arbitrary<Fate[]> = fc.array(
  fc.record({
    late: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
    fails: fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, fc.constant(true)),
    isKnown: fc.boolean(),
    onStop: fc.constantFrom("exits 0", "exits 0", "exits 7", "exits 128 + it", "dies of it", "ignores it"),
    onAbort: fc.constantFrom("exits 0", "dies of it", "dies of it", "ignores it"),
    leaves: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
  }),
  { minLength: 1, maxLength: 6 },
);

const ends: fc.Arbitrary<End> = fc.oneof(
  fc.constantFrom(0, 1, 3, 125, 126, 255).map(status => ({ status })),
  fc.constantFrom(
    { signal: 9, name: "SIGKILL" },
    { signal: 11, name: "SIGSEGV" },
    { signal: 15, name: "SIGTERM" },
    { signal: 2, name: "SIGINT" },
  ),
);

const messages: fc.Arbitrary<Notification> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ ready: true }) },
  fc
    .record(
      {
        ready: fc.constant(true),
        status: fc.constantFrom("", "busy", "idle"),
        stopping: fc.constant(true),
        extend: fc.constantFrom(0, 100e3, 5e6),
        reported: fc.constant("it reported ERRNO=2, ENOENT"),
        watchdog: fc.constantFrom("ping" as const, "ping" as const, "ping" as const, "trigger" as const),
        watchdogTimeout: time(0, 50e3, 500e3, 3e6, Number.POSITIVE_INFINITY),
      },
      { requiredKeys: [] },
    )
    // STOPPING=1 overrules READY=1 in one datagram.
    .filter(({ ready, stopping }) => !ready || !stopping),
);

const who = fc.constantFrom(0, 0, 1, 2);

const whom = { generation: 0, process: 0 };

const staleEvents: fc.Arbitrary<Happening> = fc.oneof(
  messages.map(message => ({ type: "notified" as const, ...whom, ...message })),
  ends.map(end => ({ type: "exited" as const, ...whom, end })),
  fc
    .constantFrom(
      "again" as const,
      "hint" as const,
      "delay" as const,
      "start-timeout" as const,
      "probe-timeout" as const,
      "stop-timeout" as const,
      "age" as const,
      "watchdog" as const,
      "abort-timeout" as const,
    )
    .map(timer => ({ type: "timer" as const, ...whom, timer })),
  fc.constantFrom(
    { type: "spawned" as const, ...whom, pid: 9 },
    { type: "spawn-failed" as const, ...whom, error: "late", exitStatus: 71 },
    { type: "ready" as const, ...whom },
    { type: "accepting" as const, ...whom },
    { type: "timer" as const, timer: "restart" as const },
    { type: "timer" as const, timer: "settle" as const, generation: 0 },
  ),
);

/** These actions can happen to the machine, and to its shell. */
const common: fc.Arbitrary<
  Exclude<Action, { do: "stale" | "accept" | "probe" | "leave" | "try" | "scale" | "roll back" }>
> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("say"), who, message: messages }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("write a newline"), who }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("reload"),
      asks: fc.boolean(),
      age: fc.option(fc.integer({ min: 0, max: 3e6 })),
      replaces: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "cancel" }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("end"), who, end: ends }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("obey"), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait"), microseconds: time(1, 1e3, 150e3, 1e6, 4e6) }) },
  { weight: 3, arbitrary: fc.constant({ do: "wait for a timer" }) },
  { weight: 2, arbitrary: fc.constant({ do: "answer a spawn" }) },
  { weight: 1, arbitrary: fc.constant({ do: "pass" }) },
);

const stale: fc.Arbitrary<Action> = fc.record({ do: fc.constant("stale"), who, event: staleEvents });

const probe: fc.Arbitrary<Action> = fc.record({
  do: fc.constant("probe" as const),
  who,
  failure: fc.constantFrom(null, null, null, { kind: "answered" as const, answer: "500 No" }),
});

const tryOut: fc.Arbitrary<Action> = fc.constant({ do: "try" });

const takeOver: fc.Arbitrary<{ do: "take over" }> = fc.constant({ do: "take over" });

/** Descriptors to store, and words that mean nothing. */
const sent: fc.Arbitrary<ShellAction> = fc.oneof(
  fc.record({ do: fc.constant("store"), who }),
  fc.record({
    do: fc.constant("babble"),
    who,
    text: fc.constantFrom(
      "",
      "=",
      "READY=0\nX_APP=1",
      "MAINPID=1\nRELOADING=1",
      "FDSTORE=1",
      "STATUS=\u0001",
      "A".repeat(5000),
    ),
  }),
);

export interface Sequence<A = Action> {
  readonly config: Config;
  readonly fates: readonly Fate[];
  readonly lateness: number;
  /** A release is remembered from before. */
  readonly remembers: boolean;
  readonly actions: readonly A[];
  /** Seldom, so that most sequences get far. */
  readonly stops: readonly A[];
}

const stop = fc.record({ do: fc.constant("stop" as const), signal: fc.constantFrom("SIGTERM", "SIGINT") });

function sequencesOf<A extends Action | ShellAction>(
  actions: fc.Arbitrary<A>,
  maxLength: number,
  config = configs(),
): fc.Arbitrary<Sequence<A>> {
  return fc.record({
    config,
    fates,
    lateness: time(0, 0, 2e3),
    remembers: fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, fc.constant(true)),
    actions: fc.array(actions, { maxLength, size: "max" }),
    stops: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      fc.array(fc.oneof(stop as unknown as fc.Arbitrary<A>, actions), { maxLength: 12 }),
    ),
  });
}

export const sequences = sequencesOf<Action>(
  fc.oneof(
    { weight: 30, arbitrary: common },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("accept" as const), who }) },
    { weight: 6, arbitrary: probe },
    { weight: 1, arbitrary: tryOut },
    { weight: 1, arbitrary: stale },
    { weight: 2, arbitrary: takeOver },
  ),
  70,
  configs("accept", "notify+accept"),
);

/** Of a service of several workers, whose number changes now and then. */
export const workersSequences = sequencesOf<Action>(
  fc.oneof(
    { weight: 30, arbitrary: common },
    {
      weight: 20,
      arbitrary: fc.record({ do: fc.constant("say"), who: fc.nat(9), message: fc.constant({ ready: true }) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("end"), who: fc.nat(9), end: ends }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("scale"), workers: fc.constantFrom(1, 2, 2, 3, 3, 4, 5) }) },
    { weight: 15, arbitrary: probe },
    { weight: 1, arbitrary: tryOut },
    { weight: 2, arbitrary: fc.constant({ do: "cancel" }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("roll back"), replaces: fc.boolean() }) },
    { weight: 1, arbitrary: stale },
    { weight: 2, arbitrary: takeOver },
  ),
  120,
  workersConfigs,
);

/** Longer lives: more of them become ready, and less befalls them. */
export const shellSequences = sequencesOf<ShellAction>(
  fc.oneof(
    { weight: 30, arbitrary: common },
    { weight: 20, arbitrary: fc.constant({ do: "say", who: 0, message: { ready: true } }) },
    { weight: 5, arbitrary: sent },
    { weight: 4, arbitrary: takeOver },
  ),
  200,
);

/** The same of a service of several workers. */
export const shellWorkersSequences = sequencesOf<ShellAction>(
  fc.oneof(
    { weight: 25, arbitrary: common },
    {
      weight: 30,
      arbitrary: fc.record({ do: fc.constant("say"), who: fc.nat(4), message: fc.constant({ ready: true }) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("scale"), workers: fc.constantFrom(1, 2, 2, 3) }) },
    { weight: 5, arbitrary: sent },
    { weight: 4, arbitrary: takeOver },
  ),
  200,
  // A bystander can't tell which of several timers makes which worker ready.
  workersConfigs.filter(({ ready }) => ready !== "delay"),
);
