// Writes units to where their manager looks for them, once systemd finds nothing wrong with them.

import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename } from "node:path";
import { EX_CANTCREAT, EX_NOPERM } from "../../linux/exit-codes.js";
import type { Scope } from "../../systemd/dbus.js";
import type { UnitFile } from "../../systemd/formats/unit-files.js";
import { shellWord } from "../check/finding.js";
import { CommandError, UsageError } from "../errors.js";

export interface Installation {
  readonly scope: Scope;
  readonly directory: string;
  /** Whether files that are there are replaced. */
  readonly force: boolean;
}

/** Where an administrator, or a user, puts units: systemd.unit(5). */
export function unitDirectory(scope: Scope): string {
  if (scope === "system") return "/etc/systemd/system";
  return `${process.env.XDG_CONFIG_HOME || `${homedir()}/.config`}/systemd/user`;
}

/**
 * @returns lines that say what was done, and what to call next
 * @throws {CommandError} when they are there already, are wrong, or can't be written
 */
export function installUnits(files: readonly UnitFile[], { scope, directory, force }: Installation): string[] {
  const units = files.map(({ path, text }) => {
    const target = `${directory}/${basename(path)}`;
    return { target, text: text.replace(/^#.*\n/, () => `# ${target}\n`) };
  });
  for (const { target } of units) refuseIfTaken(target, force);
  const problems = verify(units, scope);
  if (problems.length > 0) {
    throw new CommandError("systemd-analyze finds something wrong with these units: nothing is written", 1, {
      details: problems,
    });
  }
  write(units, directory);
  const systemctl = scope === "user" ? "systemctl --user" : "systemctl";
  const [service = "", socket = "", ...release] = files.map(({ path }) => shellWord(basename(path)));
  const watching = release.filter(unit => unit.endsWith(".path"));
  const isLookedAt = directory === unitDirectory(scope);
  return [
    ...units.map(({ target }) => `wrote ${target}`),
    "",
    "Next:",
    isLookedAt
      ? `  ${systemctl} daemon-reload`
      : `  ${systemctl} link ${units.map(({ target }) => shellWord(target)).join(" ")}`,
    `  ${systemctl} enable --now ${[socket, service, ...watching].join(" ")}`,
    // Where systemd watches the link, its switch reloads.
    ...(watching.length > 0 ? [] : [`  ${systemctl} reload ${service}      for each release`]),
  ];
}

interface Unit {
  readonly target: string;
  readonly text: string;
}

/** A link is one, too: that of a unit which is masked, or lies elsewhere. */
function refuseIfTaken(target: string, force: boolean): void {
  const there = attempt(() => lstatSync(target, { throwIfNoEntry: false }));
  if (there?.isDirectory()) throw new UsageError(`${target} is a directory`);
  if (there && !force) throw new UsageError(`${target} is there already: --force replaces it`);
}

/** Both or none, and in the place of what is there, a link included. */
function write(units: readonly Unit[], directory: string): void {
  attempt(() => {
    mkdirSync(directory, { recursive: true });
    for (const { target, text } of units) writeFileSync(`${target}.new`, text);
    for (const { target } of units) renameSync(`${target}.new`, target);
  });
}

/** @throws {CommandError} with the cure where that is known */
function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isForbidden = code === "EACCES" || code === "EPERM";
    const cure = isForbidden && process.geteuid!() !== 0 ? ": that takes root, or --user for units of your own" : "";
    throw new CommandError(`${message}${cure}`, isForbidden ? EX_NOPERM : EX_CANTCREAT, { cause: error });
  }
}

/** @returns what systemd-analyze says of these units; nothing where there is no such command */
function verify(units: readonly Unit[], scope: Scope): string[] {
  const directory = attempt(() => mkdtempSync(`${tmpdir()}/zerodown-units-`));
  try {
    const paths = units.map(({ target, text }) => {
      const path = `${directory}/${basename(target)}`;
      attempt(() => writeFileSync(path, text));
      return path;
    });
    const { stderr } = spawnSync("systemd-analyze", [`--${scope}`, "verify", ...paths], {
      encoding: "utf8",
      env: { ...process.env, SYSTEMD_LOG_LEVEL: "warning" },
    });
    // Other units of the machine may have faults of their own. Lines begin "app.service: " or "/…/app.service:3: ".
    const starts = units.flatMap(({ target }) => [`${basename(target)}:`, `${directory}/${basename(target)}:`]);
    return (stderr ?? "").split("\n").filter(line => starts.some(start => line.startsWith(start)));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
