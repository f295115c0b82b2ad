// What random sequences are made of, and what is seen of each step.

import type { Effect } from "../../src/machine/effects.js";
import type { Event, Happening, Notification } from "../../src/machine/events.js";
import type { End, ProbeFailure } from "../../src/machine/outcome.js";
import type { State } from "../../src/machine/state.js";

/** How the start of one generation goes, and what it does when it is told to stop. */
export interface Fate {
  /** The spawn is answered when the sequence says so; else at once, as the real shell does. */
  readonly late: boolean;
  readonly fails: boolean;
  /** Nothing new has been put on disk. */
  readonly isKnown: boolean;
  readonly onStop: "exits 0" | "exits 7" | "exits 128 + it" | "dies of it" | "ignores it";
  /** Says how it takes SIGABRT. */
  readonly onAbort: "exits 0" | "dies of it" | "ignores it";
  /** Others of its processes end after the main one. */
  readonly leaves: boolean;
}

/** An action that comes next. `who` picks one of the generations that fit; where none does, nothing happens. */
export type Action =
  | { readonly do: "wait"; readonly microseconds: number }
  | { readonly do: "wait for a timer" }
  | { readonly do: "answer a spawn" }
  | { readonly do: "say"; readonly who: number; readonly message: Notification }
  | { readonly do: "write a newline"; readonly who: number }
  | { readonly do: "end"; readonly who: number; readonly end: End }
  /** A generation that is looked at is seen to wait for clients. */
  | { readonly do: "accept"; readonly who: number }
  /** A generation's probe passes, or fails. */
  | { readonly do: "probe"; readonly who: number; readonly failure: ProbeFailure | null }
  | { readonly do: "try" }
  /** --before-drain has run for one that is to stop. */
  | { readonly do: "leave"; readonly who: number }
  /** A generation ends that was told to stop or killed. */
  | { readonly do: "obey"; readonly who: number }
  /** Who asks may know how long ago, µs, that was wanted. */
  | { readonly do: "reload"; readonly asks: boolean; readonly age: number | null; readonly replaces: boolean }
  | { readonly do: "roll back"; readonly replaces: boolean }
  | { readonly do: "scale"; readonly workers: number }
  | { readonly do: "cancel" }
  | { readonly do: "stop"; readonly signal: string }
  | { readonly do: "pass" }
  /** Another supervisor takes over what this one has written down. */
  | { readonly do: "take over" }
  /** Something comes late, about a generation that is gone. */
  | { readonly do: "stale"; readonly who: number; readonly event: Happening };

export interface Step {
  readonly index: number;
  readonly event: Event;
  readonly before: State;
  readonly after: State;
  readonly effects: readonly Effect[];
}
