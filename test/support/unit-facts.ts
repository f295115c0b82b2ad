// The facts of a unit for the rules of `zerodown check`: right in everything but what a test changes.

import { deduceFacts, type Facts } from "../../src/cli/check/facts.js";
import type { Finding } from "../../src/cli/check/finding.js";
import { RULES } from "../../src/cli/check/rules.js";

export const Z = "/usr/bin/zerodown";
export const RUN = [Z, "run", "--stop-timeout", "30", "--", "/srv/app/serve"];

/** A command as systemd gives it over D-Bus. */
export const exec = (argv: readonly string[], ignoresFailure = false) => [[argv[0], argv, ignoresFailure]];

/** A unit in which nothing is wrong. */
const SERVICE = {
  Id: "app.service",
  LoadState: "loaded",
  ActiveState: "inactive",
  Type: "notify",
  NotifyAccess: "exec",
  ExecStart: exec(RUN),
  ExecReload: exec([Z, "reload"]),
  KillMode: "mixed",
  KillSignal: 15,
  TimeoutStartUSec: 605_000_000n,
  TimeoutStopUSec: 2n ** 64n - 1n,
  Restart: "on-failure",
  OOMPolicy: "continue",
  Delegate: true,
  Requires: ["app.socket", "sysinit.target"],
  RuntimeDirectory: ["app"],
  RuntimeDirectoryPreserve: "no",
  StateDirectory: ["app"],
  RestrictAddressFamilies: [false, []],
  WorkingDirectory: "",
};
const SOCKET = { LoadState: "loaded", ActiveState: "active", Accept: false, Listen: [["Stream", "[::]:80"]] };

/** The programs of the unit, and of its PATH, are all there. */
export const FOUND = { missing: [], pathWithoutNode: undefined };

/** Deduces the facts of the unit in which nothing is wrong, but for the properties that are given. */
export function facts(
  service: Record<string, unknown> = {},
  rest: Partial<Parameters<typeof deduceFacts>[0]> & { socket?: Record<string, unknown> } = {},
): Facts {
  const { socket = {}, ...others } = rest;
  return deduceFacts({
    unit: "app.service",
    scope: "system",
    service: { ...SERVICE, ...service },
    sockets: [{ name: "app.socket", properties: { ...SOCKET, ...socket } }],
    mainProcess: undefined,
    realDirectory: undefined,
    watchdog: 0,
    programs: FOUND,
    pageCache: 0,
    migratesRequests: false,
    runtimeRoot: "/run",
    defaultDirectory: "/",
    ...others,
  });
}

/** Says in one line each what the named rule finds: "error KillMode=process: KillMode=mixed". */
export function found(rule: keyof typeof RULES, about: Facts): string[] {
  const findings: readonly Finding[] = RULES[rule](about);
  return findings.map(
    ({ severity, setting, value, fix }) => `${severity} ${setting}=${value}: ${fix?.lines.join(" | ") ?? "no fix"}`,
  );
}

export const start = (...argv: string[]) => ({ ExecStart: exec(argv) });
