// Checks that a reply is what the method returns, because anything may answer on a socket.

import type {
  CountsReport,
  GenerationReport,
  OutcomeReport,
  ReleaseReport,
  ReloadReport,
  ScaleReport,
  SocketReport,
  StatusReport,
  TallyReport,
  UpgradeReport,
  WorkerReport,
} from "./types.js";

type Check = (value: unknown) => boolean;

const isString: Check = value => typeof value === "string";
const isBoolean: Check = value => typeof value === "boolean";
/** An absolute path without "..", so that it can't leave the cgroups' directory. */
const isCgroup: Check = value => String(value).startsWith("/") && !String(value).split("/").includes("..");
const isNumber: Check = value => Number.isFinite(value);
const isPid: Check = value => Number.isInteger(value) && (value as number) > 0;
const isState: Check = value => /^(?:starting|settling|serving|draining|ended)$/.test(String(value));
const isOptional =
  (check: Check): Check =>
  value =>
    value === undefined || value === null || check(value);
const isObject =
  (checks: Record<string, Check>): Check =>
  value =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(checks).every(([name, check]) => check((value as Record<string, unknown>)[name]));
const isArray =
  (check: Check): Check =>
  value =>
    Array.isArray(value) && value.every(check);

const isOutcome = isObject({
  kind: isString,
  state: isState,
  status: isOptional(isNumber),
  signal: isOptional(isString),
  probe: isOptional(isString),
  error: isOptional(isString),
  limit: isOptional(isNumber),
  killed: isOptional(isBoolean),
  reported: isOptional(isString),
  lastStatus: isOptional(isString),
} satisfies Record<keyof OutcomeReport, Check>);

const isWorker = isObject({
  slot: isNumber,
  state: value => value === "waiting" || isState(value),
  pid: isOptional(isPid),
  queues: isOptional(isArray(isNumber)),
  startedAt: isNumber,
  status: isString,
  restarts: isNumber,
  last: isOptional(isString),
  cgroup: isOptional(isCgroup),
  weight: isOptional(isNumber),
} satisfies Record<keyof WorkerReport, Check>);

const isRelease = isObject({
  number: isNumber,
  onDisk: isBoolean,
  directory: isOptional(isString),
  executable: isOptional(isString),
  arguments: isArray(isString),
  variables: isArray(isString),
} satisfies Record<keyof ReleaseReport, Check>);

const isGeneration = isObject({
  number: isNumber,
  state: isState,
  pid: isOptional(isPid),
  startedAt: isNumber,
  endedAt: isOptional(isNumber),
  trial: isOptional(isBoolean),
  status: isString,
  end: isOptional(isString),
  outcome: isOptional(isOutcome),
  cgroup: isOptional(isCgroup),
  weight: isOptional(isNumber),
  release: isOptional(isRelease),
  workers: isOptional(isArray(isWorker)),
} satisfies Record<keyof GenerationReport, Check>);

const isSocket = isObject({
  fd: isNumber,
  name: isString,
  address: isString,
  queue: isOptional(isNumber),
  waiting: isOptional(isNumber),
  stored: isOptional(isBoolean),
  slot: isOptional(isNumber),
} satisfies Record<keyof SocketReport, Check>);

const isMapOf =
  (check: Check): Check =>
  value =>
    isObject({})(value) && !Array.isArray(value) && Object.values(value as object).every(check);

const isCounts = isObject({
  reloads: isMapOf(isObject({ count: isNumber, time: isNumber } satisfies Record<keyof TallyReport, Check>)),
  crashes: isNumber,
  ends: isMapOf(isNumber),
  recycled: isMapOf(isNumber),
} satisfies Record<keyof CountsReport, Check>);

const isStatus = isObject({
  version: isString,
  pid: isPid,
  now: isNumber,
  status: isString,
  workers: isOptional(isNumber),
  generations: isArray(isGeneration),
  sockets: isArray(isSocket),
  counts: isOptional(isCounts),
  releasePaths: isOptional(isArray(isString)),
} satisfies Record<keyof StatusReport, Check>);

const isReload = isObject({
  generation: isOptional(isNumber),
  generations: isArray(isGeneration),
} satisfies Record<keyof ReloadReport, Check>);

/** @returns the reply with its type; undefined when it is something else */
export function checkReload(reply: Readonly<Record<string, unknown>>): ReloadReport | undefined {
  return isReload(reply) ? (reply as unknown as ReloadReport) : undefined;
}

const isScale = isObject({
  workers: isNumber,
  generations: isArray(isGeneration),
} satisfies Record<keyof ScaleReport, Check>);

/** @returns the reply with its type; undefined when it is something else */
export function checkScale(reply: Readonly<Record<string, unknown>>): ScaleReport | undefined {
  return isScale(reply) ? (reply as unknown as ScaleReport) : undefined;
}

/** @returns the reply with its type; undefined when it is something else */
export function checkStatus(reply: Readonly<Record<string, unknown>>): StatusReport | undefined {
  return isStatus(reply) ? (reply as unknown as StatusReport) : undefined;
}

const isUpgrade = isObject({
  before: isString,
  version: isString,
  pid: isPid,
} satisfies Record<keyof UpgradeReport, Check>);

/** @returns the reply with its type; undefined when it is something else */
export function checkUpgrade(reply: Readonly<Record<string, unknown>>): UpgradeReport | undefined {
  return isUpgrade(reply) ? (reply as unknown as UpgradeReport) : undefined;
}
