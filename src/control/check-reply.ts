// Checks that a reply is what the method returns, because anything may answer on a socket.

import type { GenerationReport, OutcomeReport, ReloadReport, SocketReport, StatusReport } from "./types.js";

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
  error: isOptional(isString),
  limit: isOptional(isNumber),
  killed: isOptional(isBoolean),
  reported: isOptional(isString),
  lastStatus: isOptional(isString),
} satisfies Record<keyof OutcomeReport, Check>);

const isGeneration = isObject({
  number: isNumber,
  state: isState,
  pid: isOptional(isPid),
  startedAt: isNumber,
  endedAt: isOptional(isNumber),
  status: isString,
  end: isOptional(isString),
  outcome: isOptional(isOutcome),
  cgroup: isOptional(isCgroup),
} satisfies Record<keyof GenerationReport, Check>);

const isSocket = isObject({
  fd: isNumber,
  name: isString,
  address: isString,
  stored: isOptional(isBoolean),
} satisfies Record<keyof SocketReport, Check>);

const isStatus = isObject({
  version: isString,
  pid: isPid,
  now: isNumber,
  status: isString,
  generations: isArray(isGeneration),
  sockets: isArray(isSocket),
} satisfies Record<keyof StatusReport, Check>);

const isReload = isObject({
  generation: isOptional(isNumber),
  generations: isArray(isGeneration),
} satisfies Record<keyof ReloadReport, Check>);

/** @returns the reply with its type; undefined when it is something else */
export function checkReload(reply: Readonly<Record<string, unknown>>): ReloadReport | undefined {
  return isReload(reply) ? (reply as unknown as ReloadReport) : undefined;
}

/** @returns the reply with its type; undefined when it is something else */
export function checkStatus(reply: Readonly<Record<string, unknown>>): StatusReport | undefined {
  return isStatus(reply) ? (reply as unknown as StatusReport) : undefined;
}
