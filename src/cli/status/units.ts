// All units of a manager that run zerodown, one row each.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { GenerationReport, StatusReport } from "../../control/types.js";
import type { Manager, UnitProperties } from "../../systemd/dbus.js";
import { askStatus } from "../ask-status.js";
import { findZerodown } from "../check/command-line.js";
import { isCommandError } from "../errors.js";
import { type UnitTarget, unitTarget } from "../target.js";
import { type Column, formatAge, formatTable } from "./columns.js";
import { type UnitView, unitFacts } from "./facts.js";
import type { Look } from "./text.js";

/** One of the rows, as --json prints it. */
export interface UnitRow {
  readonly unit: UnitView;
  /** null where none runs, or it could not be asked. */
  readonly supervisor: {
    readonly pid: number;
    readonly version: string;
    /** Whether this command is newer: the supervisor runs what was installed when the unit was started. */
    readonly older: boolean;
  } | null;
  /** The generation that serves, or else the newest. */
  readonly generation: {
    readonly number: number;
    readonly state: GenerationReport["state"];
    readonly pid: number | null;
    /** µs. */
    readonly age: number;
  } | null;
  /** null where there was none, or it isn't known. */
  readonly lastReload: "succeeded" | "failed" | "running" | null;
  /** Why a supervisor that runs could not be asked; else null. */
  readonly problem: string | null;
}

const COLUMNS: readonly Column[] = [
  ["UNIT", "left"],
  ["STATE", "left"],
  ["GEN", "right"],
  ["AGE", "right"],
  ["LAST RELOAD", "left"],
  ["ZERODOWN", "left"],
];

/** A bus takes 128 calls of one client that it hasn't answered; two of these are for each unit. */
const AT_A_TIME = 16;

/** The services whose command is zerodown, or whose main process supervises itself by init(). */
export async function zerodownUnits(manager: Manager): Promise<UnitTarget[]> {
  const files = (await manager.serviceFiles()).filter(namesZerodown).map(path => basename(path));
  const names = new Set([...(await manager.services()), ...files.filter(name => !name.includes("@."))]);
  const units = new Map<string, UnitTarget>();
  const rest = [...names];
  while (rest.length > 0) {
    const found = await Promise.all(rest.splice(0, AT_A_TIME).map(name => zerodownUnit(manager, name)));
    for (const unit of found) if (unit) units.set(unit.name, unit);
  }
  return [...units.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** systemd forgets units that don't run. To load all of them would take a second; most are others'. */
function namesZerodown(path: string): boolean {
  try {
    return readFileSync(path, "utf8").includes("zerodown");
  } catch {
    return false; // It is masked, or not for our eyes.
  }
}

async function zerodownUnit(manager: Manager, name: string): Promise<UnitTarget | undefined> {
  const [commands, pid] = await Promise.all([
    manager.serviceProperty(name, "ExecStart"),
    manager.serviceProperty(name, "MainPID"),
  ]);
  const isRun = (commands as [string, string[]][]).some(([path, argv]) => isZerodown([path, ...argv.slice(1)]));
  const target = { name, manager, properties: { MainPID: pid } };
  if (!isRun && supervisorOf(target) === undefined) return undefined;
  const properties = await manager.unitProperties(name);
  // An alias is the same unit.
  return { name: String(properties.Id), manager, properties };
}

function isZerodown(command: readonly string[]): boolean {
  return findZerodown(command, "run") >= 0;
}

/** @returns the control socket's path; undefined where none can be found */
function supervisorOf(unit: UnitTarget): string | undefined {
  try {
    return unitTarget(unit).control;
  } catch (error) {
    if (isCommandError(error)) return undefined;
    throw error;
  }
}

/** @param version of this command */
export async function unitRow(unit: UnitTarget, version: string): Promise<UnitRow> {
  const control = supervisorOf(unit);
  try {
    return describeUnit(unit.properties, control === undefined ? undefined : await askStatus(control), version);
  } catch (error) {
    if (!isCommandError(error)) throw error;
    // Without an answer systemd's half is shown.
    const problem = error.message.replace(`${control}: `, "");
    return { ...describeUnit(unit.properties, undefined, version), problem };
  }
}

function describeUnit(properties: UnitProperties, report: StatusReport | undefined, version: string): UnitRow {
  const unit = unitFacts(properties);
  if (!report) return { unit, supervisor: null, generation: null, lastReload: null, problem: null };
  const { pid, now } = report;
  const generations = report.generations.filter(({ trial }) => !trial).toSorted((a, b) => a.number - b.number);
  const shown = generations.findLast(({ state }) => state === "serving") ?? generations.at(-1);
  return {
    unit,
    supervisor: { pid, version: report.version, older: isOlder(report.version, version) },
    generation: shown
      ? { number: shown.number, state: shown.state, pid: shown.pid ?? null, age: now - shown.startedAt }
      : null,
    lastReload: lastReload(generations),
    problem: null,
  };
}

function lastReload(generations: readonly GenerationReport[]): UnitRow["lastReload"] {
  const newest = generations.at(-1);
  if (!newest || newest.number === 1) return null;
  if (newest.state === "starting" || newest.state === "settling") return "running";
  const isFailed = newest.outcome?.state === "starting" || newest.outcome?.state === "settling";
  return isFailed ? "failed" : "succeeded";
}

export function isOlder(theirs: string, ours: string): boolean {
  const [a, b] = [theirs, ours].map(version => version.split(/[.-]/).map(Number)) as [number[], number[]];
  const index = a.findIndex((part, index) => part !== b[index]);
  return index >= 0 && a[index]! < b[index]!;
}

/** @returns lines without line feeds */
export function formatUnits(rows: readonly UnitRow[], { width, paint }: Look): string[] {
  const [title = "", ...lines] = formatTable(COLUMNS, rows.map(cells), width);
  return [
    paint(title, "dim"),
    ...lines.map((line, index) => {
      const { unit, lastReload } = rows[index]!;
      if (unit.ActiveState === "failed") return paint(line, "red");
      if (lastReload === "failed" || rows[index]!.problem) return paint(line, "yellow");
      return unit.ActiveState === "active" ? line : paint(line, "dim");
    }),
  ];
}

function cells({ unit, supervisor, generation, lastReload, problem }: UnitRow): string[] {
  return [
    unit.Id,
    `${unit.ActiveState} (${unit.SubState})`,
    generation ? `${generation.number}` : "-",
    generation ? formatAge(generation.age) : "-",
    lastReload ?? "-",
    supervisor ? `${supervisor.version}${supervisor.older ? " (older)" : ""}` : (problem ?? "-"),
  ];
}
