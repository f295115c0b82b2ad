// Plans what happens in a soak, and when: all of it follows from a seed.

import fc from "fast-check";

/** The ways in which a candidate fails, and how often each is tried. */
export const BROKEN = {
  "exits with 1": 4,
  "exits with 0": 4,
  "dies of a signal": 4,
  "throws, in Node": 2,
  "leaves a daemon": 4,
  "is missing": 4,
  "is not executable": 4,
  "is garbage": 4,
  "never gets ready": 1,
} as const;

export type Broken = keyof typeof BROKEN;

/** A step on the service that is reloaded; `pause` is before it. Times are ms. */
export type Step = { readonly pause: number } & (
  | { readonly kind: "reload" }
  /** A reload; the generation that drains for it is killed after that time. */
  | { readonly kind: "kill draining"; readonly after: number }
  /** SIGHUP is sent that many times. */
  | { readonly kind: "storm"; readonly signals: number; readonly gap: number }
  /** So many `zerodown reload` run at once. */
  | { readonly kind: "commands"; readonly count: number }
  | { readonly kind: "broken"; readonly how: Broken }
  /** A candidate that isn't ready yet is killed after that time. */
  | { readonly kind: "kill candidate"; readonly after: number }
);

/** A step on the service that is stopped and started. */
export type Stop = { readonly pause: number; readonly after: number } & {
  readonly kind: "stop" | "restart" | "stop while reloading" | "restart while reloading" | "reload";
};

/** How many workers a service of several workers begins with. */
export const WORKERS = 4;

/** How a service of several workers replaces them. */
export interface CrewKind {
  readonly surge: number;
  /** How many accept queues each address has. */
  readonly queues: number;
}

/** Those of a long soak. */
export const CREWS: readonly CrewKind[] = [
  { surge: WORKERS, queues: 1 },
  { surge: 1, queues: 1 },
  { surge: WORKERS, queues: WORKERS },
];

/** A step on a service of several workers; `pause` is before it. It recycles them by itself meanwhile. */
export type CrewStep = { readonly pause: number } & (
  | { readonly kind: "reload" }
  /** The same code again. */
  | { readonly kind: "same" }
  /** The candidate's worker in that slot, modulo their number, fails. */
  | { readonly kind: "broken"; readonly slot: number }
  | { readonly kind: "scale"; readonly workers: number }
  /** One of those that serve is killed, the `which`th modulo their number. */
  | { readonly kind: "crash"; readonly which: number }
);

const constant = fc.constant;

/** Draws at most so much, and more often little. */
function upTo(most: number): fc.Arbitrary<number> {
  return fc.tuple(fc.nat(most), fc.nat(most)).map(([one, other]) => Math.min(one, other));
}

const broken = fc.oneof(
  ...Object.entries(BROKEN).map(([how, weight]) => ({ arbitrary: constant(how as Broken), weight })),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 50, arbitrary: fc.record({ kind: constant("reload" as const), pause: upTo(300) }) },
  {
    weight: 12,
    arbitrary: fc.record({ kind: constant("kill draining" as const), pause: upTo(300), after: upTo(1000) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: constant("storm" as const),
      pause: upTo(300),
      signals: fc.integer({ min: 2, max: 50 }),
      gap: upTo(20),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: constant("commands" as const),
      pause: upTo(300),
      count: fc.integer({ min: 2, max: 4 }),
    }),
  },
  { weight: 18, arbitrary: fc.record({ kind: constant("broken" as const), pause: upTo(300), how: broken }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: constant("kill candidate" as const), pause: upTo(300), after: upTo(200) }),
  },
);

const stop: fc.Arbitrary<Stop> = fc.record({
  kind: fc.constantFrom<Stop["kind"][]>("stop", "restart", "stop while reloading", "restart while reloading", "reload"),
  pause: upTo(3000),
  after: upTo(300),
});

/** Fewer workers than queues would be refused. */
function crewStep({ queues }: CrewKind): fc.Arbitrary<CrewStep> {
  const least = Math.max(2, queues);
  const workers = fc.integer({ min: least, max: least + 3 });
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: constant("reload" as const), pause: upTo(2000) }) },
    { weight: 2, arbitrary: fc.record({ kind: constant("same" as const), pause: upTo(2000) }) },
    { weight: 2, arbitrary: fc.record({ kind: constant("broken" as const), pause: upTo(2000), slot: fc.nat(4) }) },
    { weight: 3, arbitrary: fc.record({ kind: constant("scale" as const), pause: upTo(2000), workers }) },
    { weight: 3, arbitrary: fc.record({ kind: constant("crash" as const), pause: upTo(2000), which: fc.nat(4) }) },
  );
}

/** Whether the step's reload must succeed. */
export function succeeds({ kind }: Step): boolean {
  return kind !== "broken" && kind !== "kill candidate";
}

function sample<T>(arbitrary: fc.Arbitrary<T>, seed: number, numRuns: number): T[] {
  return fc.sample(arbitrary, { seed, numRuns, unbiased: true });
}

/** Plans steps of which that many are reloads that succeed. */
export function planReloads(seed: number, reloads: number): Step[] {
  const steps = sample(step, seed, reloads * 2 + 100);
  let left = reloads;
  return steps.slice(0, steps.findIndex(each => succeeds(each) && --left === 0) + 1);
}

/** Plans more steps than anybody waits for. */
export function planStops(seed: number): Stop[] {
  return sample(stop, seed, 10_000);
}

/** The same for a service of several workers. */
export function planCrew(kind: CrewKind, seed: number): CrewStep[] {
  return sample(crewStep(kind), seed, 10_000);
}
