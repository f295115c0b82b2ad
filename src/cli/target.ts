// Which supervisor a command is about: of a unit, of a pid, behind a control socket, or of the unit it runs in.

import { accessSync, constants, readFileSync } from "node:fs";
import { locateControl } from "../control/locate.js";
import type { Manager, Scope, UnitProperties } from "../systemd/dbus.js";
import { CommandError, UsageError } from "./options.js";

// sysexits.h
export const EX_UNAVAILABLE = 69;
export const EX_NOPERM = 77;

/** How the command line names it. */
export interface Named {
  readonly unit: string | undefined;
  readonly pid: string | undefined;
  readonly control: string | undefined;
  readonly scope: Scope;
}

export interface UnitTarget {
  readonly name: string;
  readonly manager: Manager;
  readonly properties: UnitProperties;
}

export interface Target {
  readonly control: string;
  /** Set when it was found through a unit's name. */
  readonly unit?: UnitTarget;
  /** Nothing was named: we are the ExecReload= of the supervisor's unit. */
  readonly isOwnUnit: boolean;
}

/** The options that name a target, for parseArgs. */
export const TARGET_OPTIONS = {
  pid: { type: "string" },
  control: { type: "string" },
  user: { type: "boolean" },
  system: { type: "boolean" },
} as const;

/** Reads the options above and the positional UNIT. */
export function readNamed(
  values: { pid?: string; control?: string; user?: boolean; system?: boolean },
  positionals: readonly string[],
): Named {
  const [unit, ...others] = positionals;
  if (unit === "") throw new UsageError("the name of the unit is empty");
  if (others.length > 0) throw new UsageError(`one unit at a time: "${others[0]}" is too many`);
  if ([unit, values.pid, values.control].filter(value => value !== undefined).length > 1) {
    throw new UsageError("give one of UNIT, --pid and --control");
  }
  if (values.user && values.system) throw new UsageError("give one of --user and --system");
  return {
    unit: unit && unitName(unit),
    pid: values.pid,
    control: values.control,
    scope: values.user ? "user" : "system",
  };
}

/** As systemctl does: without a suffix it is a service. */
function unitName(unit: string): string {
  return /\.[a-z]+$/.test(unit) ? unit : `${unit}.service`;
}

/** @throws {CommandError} saying why there is no supervisor to talk to */
export async function findTarget(named: Named): Promise<Target> {
  if (named.unit !== undefined) {
    const unit = await loadUnit(named.unit, named.scope);
    try {
      return unitTarget(unit);
    } catch (error) {
      unit.manager.close();
      throw error;
    }
  }
  if (named.control !== undefined) return { control: named.control, isOwnUnit: false };
  const pid = named.pid ?? process.env.MAINPID;
  if (pid === undefined) {
    throw new UsageError("which service? Give UNIT, --pid or --control (in a unit's ExecReload= nothing is needed)");
  }
  if (!/^[1-9]\d*$/.test(pid)) throw new UsageError(`"${pid}" is no pid`);
  return { control: controlOf(Number(pid), `pid ${pid}`), isOwnUnit: named.pid === undefined };
}

/** @throws {CommandError} when no supervisor runs in it */
export function unitTarget(unit: UnitTarget): Target {
  const { name, properties } = unit;
  const pid = Number(properties.MainPID ?? 0);
  if (pid === 0) {
    throw new CommandError(`${name} is ${properties.ActiveState}: it has no main process`, EX_UNAVAILABLE);
  }
  return { control: controlOf(pid, name), unit, isOwnUnit: false };
}

/** @throws {CommandError} when there is no bus, no permission or no such unit */
export async function loadUnit(name: string, scope: Scope): Promise<UnitTarget> {
  // The D-Bus library is large: only what is about a unit pays for it.
  const { Manager } = await import("../systemd/dbus.js");
  let manager: Manager | undefined;
  try {
    manager = await Manager.connect(scope);
    const properties = await manager.unitProperties(name);
    if (properties.LoadState !== "not-found") return { name, manager, properties };
  } catch (error) {
    manager?.close();
    throw await explainManagerError(error);
  }
  manager.close();
  const other = scope === "system" ? " (units of your own manager need --user)" : "";
  throw new CommandError(`there is no unit ${name}${other}`, EX_UNAVAILABLE);
}

/** What systemd, polkit or the bus said no to, as a CommandError; any other error as it is. */
export async function explainManagerError(error: unknown): Promise<unknown> {
  const { ManagerError } = await import("../systemd/dbus.js");
  if (!(error instanceof ManagerError)) return error;
  return new CommandError(error.message, error.isPermission ? EX_NOPERM : EX_UNAVAILABLE);
}

function controlOf(pid: number, whose: string): string {
  const path = locateControl(pid);
  if (path !== undefined) return path;
  if (isForeign(pid)) {
    throw new CommandError(
      `${whose}: no permission to look at ${describeProcess(pid)}, which is another user's`,
      EX_NOPERM,
    );
  }
  throw new CommandError(
    `${whose}: ${describeProcess(pid)} has no control socket that can be found: no supervisor. Is it zerodown?`,
    EX_UNAVAILABLE,
  );
}

/** Where its control socket is may then be hidden from us. */
function isForeign(pid: number): boolean {
  try {
    accessSync(`/proc/${pid}/environ`, constants.R_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" || isOthers(pid);
  }
}

function describeProcess(pid: number): string {
  try {
    return `${readFileSync(`/proc/${pid}/comm`, "utf8").trim()} (pid ${pid})`;
  } catch {
    return isAlive(pid) ? `pid ${pid}` : `pid ${pid}, which is gone,`;
  }
}

/** Whether there is such a process, be it a zombie; that takes no /proc. */
export function isAlive(pid: number): boolean {
  return ["", "EPERM"].includes(signalError(pid));
}

/** Another user's, even where /proc hides those (hidepid=, ProtectProc=). */
function isOthers(pid: number): boolean {
  return signalError(pid) === "EPERM";
}

function signalError(pid: number): string {
  try {
    process.kill(pid, 0);
    return "";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "";
  }
}
