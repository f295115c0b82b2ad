// Plans reloads of several workers, and an upgrade of the supervisor at some moment of them: all of it follows from a
// seed.

import fc from "fast-check";
import { WORKERS } from "./plan.js";

/** `pause` is before it, ms. */
export type UpgradedReload = { readonly pause: number } & (
  | { readonly kind: "reload" }
  /** The same code again. */
  | { readonly kind: "same" }
  /** The candidate's worker in that slot fails. */
  | { readonly kind: "broken"; readonly slot: number }
);

/** Two reloads, one after the other, and an upgrade meanwhile. */
export interface Round {
  readonly reloads: readonly UpgradedReload[];
  /** When the upgrade is asked for, as a share of the time that the round before this one took: 0 to 1. */
  readonly at: number;
}

const pause = fc.nat(300);

const reload: fc.Arbitrary<UpgradedReload> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("reload" as const), pause }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("same" as const), pause }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("broken" as const), pause, slot: fc.nat(WORKERS - 1) }),
  },
);

const round: fc.Arbitrary<Round> = fc.record({
  reloads: fc.array(reload, { minLength: 2, maxLength: 2 }),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
});

export function planUpgrades(seed: number, upgrades: number): Round[] {
  return fc.sample(round, { seed: seed + 3, numRuns: upgrades, unbiased: true });
}
