// What bites in the programs that a unit names: one that isn't there, and one whose failure counts for nothing.

import { dirname } from "node:path";
import { commandLine, quoteArgument } from "../../systemd/formats/unit-files.js";
import { findProgram, findsNode, SYSTEMD_PATH } from "../search-path.js";
import { findZerodown, list } from "./command-line.js";
import type { Facts } from "./facts.js";
import { execStartFix, type Rule, serviceFix, shown } from "./finding.js";

/** What systemd, and the launcher that it starts, wouldn't find. */
export interface Programs {
  /** The paths, or names, of ExecStart= and ExecReload=. */
  readonly missing: readonly string[];
  /** The service's $PATH, where the launcher finds no Node; else undefined. */
  readonly pathWithoutNode: string | undefined;
}

/** @param environment the manager's own, which services get */
export function lookUp(
  service: Facts["service"],
  commands: readonly (readonly string[])[],
  environment: readonly string[],
  environmentFiles: string,
): Programs {
  // In another root we would look at the wrong files.
  if (service.RootDirectory || service.RootImage) return { missing: [], pathWithoutNode: undefined };
  const search = list(service.ExecSearchPath).join(":");
  const isHidden = (path: string) =>
    ["yes", "tmpfs"].includes(String(service.ProtectHome)) && /^\/(?:home|root|run\/user)\//.test(path);
  const find = (name: string) => findProgram(name, search || SYSTEMD_PATH, isHidden);
  const missing = commands.map(([name = ""]) => name).filter(name => find(name) === undefined);
  const [start = []] = commands;
  const zerodown = findZerodown(start, "run") === 0 ? find(start[0]!) : undefined;
  const path = pathOf(
    [...environment, ...(search ? [`PATH=${search}`] : []), ...list(service.Environment)],
    environmentFiles,
  );
  const isFound = zerodown === undefined || findsNode(zerodown, path, isHidden);
  return { missing: [...new Set(missing)], pathWithoutNode: isFound ? undefined : path };
}

function pathOf(environment: readonly string[], environmentFiles: string): string {
  const own = environment.findLast(assignment => assignment.startsWith("PATH="))?.slice("PATH=".length);
  return [...environmentFiles.matchAll(/^\s*PATH\s*=\s*["']?(.*?)["']?\s*$/gm)].at(-1)?.[1] ?? own ?? SYSTEMD_PATH;
}

/** By name, so that each can be tested alone. */
export const PROGRAMS = {
  missingProgram(facts) {
    const { unit, programs, start, reload, zerodown } = facts;
    const why = (path: string) =>
      `systemd finds no program ${path}: the unit fails with 203/EXEC${path === start.path ? ", and after a few tries its sockets fail too" : ""}`;
    const isMissing = ({ path }: { path: string }) => programs.missing.includes(path);
    const findings = [];
    if (isMissing(start)) {
      const value = shown([start.path, ...start.args]);
      findings.push({
        severity: "error",
        setting: "ExecStart",
        value,
        why: why(start.path),
        ...execStartFix(facts),
      } as const);
    }
    for (const { path, args } of reload.filter(isMissing)) {
      const isOurs = findZerodown([path, ...args], "reload") === 0;
      const fix = serviceFix(unit, "ExecReload=", `ExecReload=${commandLine([zerodown, "reload"])}`);
      const value = shown([path, ...args]);
      findings.push({
        severity: "error",
        setting: "ExecReload",
        value,
        why: why(path),
        ...(isOurs ? { fix } : {}),
      } as const);
    }
    return findings;
  },

  nodeIsFound({ unit, programs: { pathWithoutNode: path } }) {
    if (path === undefined) return [];
    const why = "zerodown runs on Node, and finds none: neither beside itself nor in the $PATH of the service";
    const fix = serviceFix(unit, `Environment=${quoteArgument(`PATH=${dirname(process.execPath)}:${path}`, true)}`);
    return [{ severity: "error", setting: "Environment", value: `PATH=${path}`, why, fix }];
  },

  ignoredFailure(facts) {
    const { start, service } = facts;
    if (!start.ignoresFailure) return [];
    const why =
      `with "-" systemd takes each end of zerodown for a success` +
      (service.Restart === "on-failure" ? ", so that Restart=on-failure never starts it again" : "");
    return [
      {
        severity: "warning",
        setting: "ExecStart",
        value: `-${shown([start.path, ...start.args])}`,
        why,
        ...execStartFix(facts),
      },
    ];
  },
} satisfies Record<string, Rule>;
