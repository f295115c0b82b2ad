// Finds the supervisor that a command is about: of a unit, of a pid, behind a control socket, or of the unit it runs in.

import { accessSync, constants } from "node:fs";
import { locateControl } from "../control/locate.js";
import { EX_NOPERM, EX_UNAVAILABLE } from "../linux/exit-codes.js";
import { processName } from "../linux/process-name.js";
import type { Manager, Scope, UnitProperties } from "../systemd/dbus.js";
import { CommandError, UsageError } from "./errors.js";
import type { SCOPE, SUPERVISOR, Values } from "./options/table.js";

/** How the command line names it. */
export interface NamedTarget {
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

/** Reads the options SCOPE and SUPERVISOR, and the operand UNIT. */
export function readNamed(
  values: Partial<Values<typeof SCOPE & typeof SUPERVISOR>>,
  operands: readonly string[],
): NamedTarget {
  const [unit, ...others] = operands;
  if (unit === "") throw new UsageError("the name of the unit is empty");
  if (values.control === "") throw new UsageError("--control: the path is empty");
  if (others.length > 0) throw new UsageError(`one unit at a time: "${others[0]}" is too many`);
  if ([unit, values.pid, values.control].filter(value => value !== undefined).length > 1) {
    throw new UsageError("give one of UNIT, --pid and --control");
  }
  if (values.user && values.system) throw new UsageError("give one of --user and --system");
  return {
    unit: unit && withSuffix(unit),
    pid: values.pid,
    control: values.control,
    scope: values.user ? "user" : "system",
  };
}

/** As systemctl does: without a suffix it is a service. */
function withSuffix(unit: string): string {
  const suffixes = /\.(service|socket|target|timer|path|mount|automount|swap|slice|scope|device)$/;
  return suffixes.test(unit) ? unit : `${unit}.service`;
}

/** @throws {CommandError} saying why there is no supervisor to talk to */
export async function findTarget(named: NamedTarget): Promise<Target> {
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
  if (!/^[1-9]\d*$/.test(pid)) throw new UsageError(`"${pid}" isn't a pid`);
  return { control: controlOf(Number(pid), `pid ${pid}`), isOwnUnit: named.pid === undefined };
}

/** @throws {CommandError} when no supervisor runs in it */
export function unitTarget(unit: UnitTarget): Target {
  const { name, properties } = unit;
  const pid = Number(properties.MainPID ?? 0);
  if (pid === 0) {
    const { ActiveState } = properties;
    const next = ActiveState === "failed" ? "; zerodown logs says why" : ActiveState === "inactive" ? ": start it" : "";
    const what = `${name} is ${ActiveState}`;
    // A target or a socket is active, and never has one.
    throw new CommandError(
      next ? `${what}, nothing runs in it${next}` : `${what}: it has no main process`,
      EX_UNAVAILABLE,
    );
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

/** Makes a CommandError of what systemd, polkit or the bus refused; any other error stays as it is. */
export async function explainManagerError(error: unknown): Promise<unknown> {
  const { ManagerError } = await import("../systemd/dbus.js");
  if (!(error instanceof ManagerError)) return error;
  return new CommandError(error.message, error.isPermission ? EX_NOPERM : EX_UNAVAILABLE, { cause: error });
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
    `${whose}: ${describeProcess(pid)} has no control socket that can be found. Is it zerodown?`,
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
    return `${processName(pid)} (pid ${pid})`;
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
