// Thousands of random sequences of events drive the state machine through a simulated world. After every step the rules
// of DESIGN.md 3.5 (invariants.ts) and 3.6 (ends.ts) are checked.

import { isDeepStrictEqual } from "node:util";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { step } from "../../src/supervisor/machine.js";
import type { Config, End, Happening, Notification } from "../../src/supervisor/model.js";
import { statusText } from "../../src/supervisor/texts.js";
import { ENDS } from "./ends.js";
import { check, INVARIANTS, type Rule, type Scene } from "./invariants.js";
import { Lives, tells } from "./lives.js";
import { type Action, type Fate, type Step, World } from "./world.js";

const RUNS = 4000;

// ── What is random ───────────────────────────────────────────────────────────────────────────────────────────────────

const time = (...choices: number[]) => fc.constantFrom(...choices);

const configs: fc.Arbitrary<Config> = fc.record({
  pid: fc.constant(42),
  ready: fc.constantFrom("notify", "notify", "notify", "exec", "delay", "fd"),
  readyDelay: time(0, 300e3, 7e6),
  startTimeout: time(50e3, 2e6, 600e6, Number.POSITIVE_INFINITY),
  stopTimeout: time(0, 50e3, 2e6, 90e6, Number.POSITIVE_INFINITY),
  settle: time(0, 0, 300e3, 3e6),
  stopSignal: fc.constantFrom("SIGINT", "SIGTERM"),
  onCrash: fc.constantFrom("restart", "restart", "restart", "exit"),
  watchdog: time(0, 0, 50e3, 400e3, 3e6),
});

const fates: fc.Arbitrary<Fate[]> = fc.array(
  fc.record({
    late: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
    fails: fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, fc.constant(true)),
    onStop: fc.constantFrom("exits 0", "exits 0", "exits 7", "dies of it", "ignores it"),
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
  fc.record(
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
  ),
);

const who = fc.constantFrom(0, 0, 1, 2);

const staleEvents: fc.Arbitrary<Happening> = fc.oneof(
  messages.map(message => ({ type: "notified" as const, generation: 0, ...message })),
  ends.map(end => ({ type: "exited" as const, generation: 0, end })),
  fc
    .constantFrom(
      "hint" as const,
      "delay" as const,
      "start-timeout" as const,
      "settle" as const,
      "stop-timeout" as const,
      "watchdog" as const,
      "abort-timeout" as const,
    )
    .map(timer => ({ type: "timer" as const, generation: 0, timer })),
  fc.constantFrom(
    { type: "spawned" as const, generation: 0, pid: 9 },
    { type: "spawn-failed" as const, generation: 0, text: "late", exitStatus: 71 },
    { type: "ready" as const, generation: 0 },
    { type: "restart" as const },
  ),
);

const actions: fc.Arbitrary<Action> = fc.oneof(
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
  { weight: 1, arbitrary: fc.record({ do: fc.constant("stale"), who, event: staleEvents }) },
);

/** Seldom, so that most sequences get far. */
const stops: fc.Arbitrary<Action[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Action[]>([]) },
  fc.array(
    fc.oneof(
      fc.record({ do: fc.constant("stop"), signal: fc.constantFrom("SIGTERM", "SIGINT") }),
      actions,
    ) as typeof actions,
    { maxLength: 12 },
  ),
);

interface Sequence {
  readonly config: Config;
  readonly fates: readonly Fate[];
  readonly lateness: number;
  readonly actions: readonly Action[];
  readonly stops: readonly Action[];
  readonly calm: boolean;
}

const sequences: fc.Arbitrary<Sequence> = fc.record({
  config: configs,
  fates,
  lateness: time(0, 0, 2e3),
  actions: fc.array(actions, { maxLength: 70, size: "max" }),
  stops,
  calm: fc.boolean(),
});

// ── What must hold after every step ──────────────────────────────────────────────────────────────────────────────────

/** The same step twice gives the same, whatever was frozen or came between. */
function isPure({ step: { event, before, after, effects }, config }: Scene): void {
  check(isDeepStrictEqual(step(before, event, config), [after, effects]), "the same step twice gives two results");
}

function tellsItsStatus({ step: { after, effects } }: Scene): void {
  const statuses = effects.flatMap(effect =>
    effect.type === "notify" && effect.assignments.join() !== "WATCHDOG=1" ? [effect.assignments.at(-1)] : [],
  );
  if (statuses.length > 0 && after.phase !== "ended")
    check(statuses.at(-1) === `STATUS=${statusText(after)}`, `systemd is told "${statuses.at(-1)}"`);
  check(after.told === statusText(after), "systemd does not know the status");
}

/** Every line that speaks of a generation names its number and, once it has one, its pid. */
function logsNames({ step: { effects }, lives }: Scene): void {
  for (const effect of effects) {
    if (effect.type !== "log") continue;
    for (const [, number, pid] of effect.text.matchAll(/generation (\d+)(?: \(pid (\d+)\))?/gi))
      check(pid === lives.all.get(Number(number))?.pid?.toString(), `the log says "${effect.text}"`);
  }
}

/** Plays a sequence, and at its end makes every deadline pass: the machine must reach its exit. */
function play({ config, fates, lateness, actions, stops, calm }: Sequence, observe: (step: Step) => void): void {
  const rules: [string, Rule][] = [
    ...Object.entries({ ...INVARIANTS, ...ENDS }).map(([name, make]): [string, Rule] => [name, make()]),
    ["purity", isPure],
    ["STATUS", tellsItsStatus],
    ["the log", logsNames],
  ];
  const lives = new Lives(config);
  const before = () => ({
    serving: lives.serving,
    candidates: lives.candidates,
    untold: lives.present.filter(({ toldAt }) => toldAt === undefined),
    forgotten: lives.gone.slice(0, -5),
    announced: lives.announced,
    stopping: lives.stopping,
    exited: lives.exited,
  });
  const world = new World(config, fates, lateness, step => {
    const { event, effects, index } = step;
    const life = "generation" in event ? lives.present.find(({ number }) => number === event.generation) : undefined;
    const scene = { step, config, life, lives, before: before(), timers: [...world.timers.keys()], lateness };
    lives.happened(event, index, effects);
    observe(step);
    for (const [name, rule] of rules) {
      try {
        rule(scene);
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}\nat ${JSON.stringify(step, undefined, 1)}`);
      }
    }
  });
  world.happen({ type: "start" });
  for (const action of actions) world.act(action);
  if (calm) {
    check(world.calmDown(), "it never calms down");
    check(lives.stopping || (lives.serving.length === 1 && lives.candidates.length === 0), "calm, but not one serves");
  }
  for (const action of stops) world.act(action);
  check(world.stop(), "it never reaches its exit");
}

test(`the rules of 3.5 and 3.6 hold in ${RUNS} random sequences of events, and each can be stopped at its end`, () => {
  const seen = new Map<string, number>();
  const count = (what: string, happened: boolean) => seen.set(what, (seen.get(what) ?? 0) + (happened ? 1 : 0));
  fc.assert(
    fc.property(sequences, sequence =>
      play(sequence, step => {
        const { event, effects, before, after } = step;
        count(
          "reloads that succeed",
          effects.some(effect => effect.type === "result" && effect.error === null),
        );
        count("reloads that fail", tells(step, "READY=1") && after.problem.startsWith("Reload failed"));
        count("reloads that wait", !before.pending && after.pending !== null);
        count(
          "candidates that settle",
          after.generations.some(({ state }) => state === "settling"),
        );
        count("crashes", after.crashes.length > before.crashes.length);
        count("backoffs", !before.restarting && after.restarting);
        count("reloads in a backoff", before.restarting && event.type === "reload");
        count("those that leave others behind", event.type === "dying");
        count(
          "watchdogs missed",
          after.generations.some(({ aborted }, index) => aborted && before.generations[index]?.aborted === ""),
        );
        count("crash loops", after.crashes.length > 5);
        count(
          "kills",
          effects.some(({ type }) => type === "kill"),
        );
        count(
          "stops with a candidate",
          event.type === "stop" && before.generations.some(({ state }) => state === "starting"),
        );
        count("starts that a stop overtook", event.type === "spawned" && after.phase === "ending");
        count("passed signals", event.type === "pass" && effects.length > 0);
        count(
          "stale events",
          "generation" in event && !before.generations.some(({ number }) => number === event.generation),
        );
      }),
    ),
    { numRuns: RUNS },
  );
  // The sequences got somewhere: without this, a world in which nothing happens would pass.
  const rare = [...seen].filter(([, times]) => times < 20);
  expect(rare).toEqual([]);
});
