// Rules on the programs that a unit names: one that isn't there, and one whose failure counts for nothing.

import { dirname } from "node:path";
import { commandLine, quoteArgument } from "../../systemd/formats/unit-files.js";
import { findZerodown } from "./command-line.js";
import { execStartFix, type Rule, serviceFix, shown } from "./finding.js";

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
