// The state as text, for a supervisor that takes over from another one.

import { type Counts, NO_COUNTS, type Tally } from "./counts.js";
import type { GenerationState, GenerationTimer, OwnTimer, ProcessState, ProcessTimer } from "./names.js";
import type { Doom, End, Named, ProbeFailure, Problem } from "./outcome.js";
import type { Ended, Generation, Pending, Process, State } from "./state.js";
import { notFinite, notJson, notUnderstood, otherVersion } from "./words.js";

/** It changes with every change of the state that older readers would misunderstand. */
const VERSION = 4;

/** @throws {Error} when something can't be written: JSON has no infinity */
export function writeSnapshot(state: State): string {
  return JSON.stringify({ version: VERSION, state }, (key, value: unknown) => {
    if (typeof value === "number" && !Number.isFinite(value)) throw new Error(notFinite(key, value));
    return value;
  });
}

/** @throws {Error} when there is something in it that this version doesn't understand */
export function readSnapshot(text: string): State {
  let snapshot: unknown;
  try {
    snapshot = JSON.parse(text);
  } catch (error) {
    throw new Error(notJson((error as Error).message));
  }
  const { version, state } = (snapshot ?? {}) as { version?: unknown; state?: unknown };
  if (version !== VERSION) throw new Error(otherVersion(version, VERSION));
  isState(state, "state");
  return state as State;
}

// ── What is understood ───────────────────────────────────────────────────────────────────────────────────────────────

/** @throws {Error} that says where the value is another one */
export type Check = (value: unknown, where: string) => void;

const that =
  (holds: (value: unknown) => boolean): Check =>
  (value, where) => {
    if (!holds(value)) throw new Error(notUnderstood(where, value));
  };
export const isString = that(value => typeof value === "string");
export const isBoolean = that(value => typeof value === "boolean");
export const isNumber = that(value => typeof value === "number");
export const isCount = that(value => Number.isSafeInteger(value) && (value as number) >= 0);
const isOneOf = <T extends string>(...values: T[]): Check => that(value => values.includes(value as T));
export const isNullOr =
  (check: Check): Check =>
  (value, where) => {
    if (value !== null) check(value, where);
  };
export const isArray =
  (check: Check): Check =>
  (value, where) => {
    that(Array.isArray)(value, where);
    for (const [index, item] of (value as unknown[]).entries()) check(item, `${where}[${index}]`);
  };
export const isRecord = that(value => typeof value === "object" && value !== null && !Array.isArray(value));
/** A field that isn't known means something that this version would lose. */
export const isObject =
  (fields: Readonly<Record<string, Check>>, isComplete = true): Check =>
  (value, where) => {
    isRecord(value, where);
    const object = value as Record<string, unknown>;
    for (const name of Object.keys(object))
      if (!fields[name]) throw new Error(notUnderstood(`${where}.${name}`, object[name]));
    for (const [name, check] of Object.entries(fields)) {
      if (isComplete || name in object) check(object[name], `${where}.${name}`);
    }
  };
const isDeadlines = <Name extends string>(...names: Name[]): Check =>
  isObject(Object.fromEntries(names.map(name => [name, isNumber])), false);
/** Checks an object that is one of several kinds. */
const isKind =
  (
    kinds: Readonly<Record<string, Readonly<Record<string, Check>>>>,
    common: Readonly<Record<string, Check>> = {},
  ): Check =>
  (value, where) => {
    isRecord(value, where);
    const { kind } = value as { kind?: unknown };
    isOneOf(...Object.keys(kinds))(kind, `${where}.kind`);
    isObject({ kind: isString, ...kinds[kind as string], ...common })(value, where);
  };

const isNamed = isObject({
  number: isCount,
  pids: isArray(isCount),
  worker: isNullOr(isCount),
  workers: isCount,
} satisfies Record<keyof Named, Check>);
const isEnd: Check = (value, where) => {
  isRecord(value, where);
  isObject(endFields[isSignalled(value as End) ? "signal" : "exit"])(value, where);
};
const endFields = { exit: { status: isCount }, signal: { signal: isCount, name: isString } };
const isSignalled = (end: End) => "signal" in end;

const dooms = {
  cancelled: {},
  "start-timeout": { limit: isNumber },
  probe: {
    probe: isString,
    failure: isKind({
      ended: { end: isEnd, lastLine: isString },
      answered: { answer: isString },
      error: { error: isString },
    } satisfies Record<ProbeFailure["kind"], Record<string, Check>>),
  },
  "probe-timeout": { probe: isString, limit: isNumber },
  hidden: { pids: isArray(isCount) },
  "stop-timeout": {},
  interrupted: {},
  watchdog: { timeout: isNullOr(isNumber), killed: isBoolean },
} satisfies Record<Doom["kind"], Record<string, Check>>;

const GENERATION_STATES: GenerationState[] = ["starting", "settling", "serving", "draining"];
const PROCESS_STATES: ProcessState[] = ["waiting", "spawning", "running", "aborting", "killing", "dying"];
const GENERATION_TIMERS: GenerationTimer[] = ["settle"];
const PROCESS_TIMERS: ProcessTimer[] = [
  "again",
  "hint",
  "delay",
  "start-timeout",
  "probe-timeout",
  "leave-timeout",
  "stop-timeout",
  "age",
  "watchdog",
  "abort-timeout",
];
const OWN_TIMERS: OwnTimer[] = ["restart", "remember", "feed"];
const CAUSES: Generation["cause"][] = ["start", "crash", "signal", "command", "rollback", "trial"];

const isOutcome = isKind(
  {
    ...endFields,
    spawn: { error: isString, exitStatus: isCount },
    ...Object.fromEntries(Object.entries(dooms).map(([kind, fields]) => [kind, { ...fields, end: isEnd }])),
  },
  { state: isOneOf(...GENERATION_STATES), reported: isString, lastStatus: isString },
);

const failed = { generation: isNamed, outcome: isOutcome };
const isProblem = isKind({
  "start-failed": failed,
  "reload-failed": { ...failed, still: isNullOr(isNamed) },
  "trial-failed": failed,
  busy: {},
  crashed: failed,
  "gave-up": failed,
  "too-few-workers": { queues: isCount },
  rescaled: { workers: isCount },
  done: {},
  overtaken: {},
  stopping: {},
  stopped: {},
} satisfies Record<Problem["kind"], Record<string, Check>>);

const isProcess = isObject({
  number: isCount,
  slot: isCount,
  workers: isCount,
  duty: isOneOf(...GENERATION_STATES),
  startedAt: isNumber,
  toldAt: isNullOr(isNumber),
  restarts: isCount,
  crashes: isArray(isNumber),
  last: isNullOr(isOutcome),
  due: isNullOr(isOneOf("age", "memory")),
  excused: isBoolean,
  pid: isNullOr(isCount),
  state: isOneOf(...PROCESS_STATES),
  doom: isNullOr(isKind(dooms)),
  deadlines: isDeadlines(...PROCESS_TIMERS),
  wasReady: isBoolean,
  probe: isNullOr(isCount),
  status: isString,
  saidStopping: isBoolean,
  reported: isString,
  watchdog: isNullOr(isNumber),
  watched: isBoolean,
} satisfies Record<keyof Process, Check>);

const generationFields = {
  number: isCount,
  state: isOneOf(...GENERATION_STATES),
  cause: isOneOf(...CAUSES),
  release: isCount,
  fromDisk: isBoolean,
  startedAt: isNumber,
  deadlines: isDeadlines(...GENERATION_TIMERS),
  processes: isArray(isProcess),
  hired: isCount,
  failure: isNullOr(isProblem),
  outcome: isNullOr(isOutcome),
} satisfies Record<keyof Generation, Check>;

const isEnded = isObject({
  ...generationFields,
  endedAt: isNumber,
  outcome: isOutcome,
} satisfies Record<keyof Ended, Check>);

const isTally = isObject({ count: isCount, time: isNumber } satisfies Record<keyof Tally, Check>);
const isCounts = isObject({
  reloads: isObject({ succeeded: isTally, failed: isTally }),
  crashes: isCount,
  ends: isObject(Object.fromEntries(Object.keys(NO_COUNTS.ends).map(kind => [kind, isCount]))),
  recycled: isObject({ age: isCount, memory: isCount }),
} satisfies Record<keyof Counts, Check>);

const isState = isObject({
  phase: isOneOf("running", "ending", "ended"),
  announced: isBoolean,
  workers: isCount,
  generations: isArray(isObject(generationFields)),
  ended: isArray(isEnded),
  lastNumber: isCount,
  release: isNullOr(isCount),
  before: isNullOr(isCount),
  canFallBack: isBoolean,
  disk: isCount,
  reload: isNullOr(isObject({ askers: isArray(isCount) })),
  pending: isNullOr(
    isObject({ askers: isArray(isCount), same: isBoolean, release: isNullOr(isCount) } satisfies Record<
      keyof Pending,
      Check
    >),
  ),
  trying: isNullOr(isCount),
  scaling: isNullOr(isArray(isCount)),
  deadlines: isDeadlines(...OWN_TIMERS),
  crashes: isArray(isNumber),
  problem: isNullOr(isProblem),
  exitStatus: isCount,
  decisive: isCount,
  told: isString,
  counts: isCounts,
} satisfies Record<keyof State, Check>);
