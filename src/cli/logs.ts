// zerodown logs: what a unit, or one of its generations, has written to the journal.

import { spawnSync } from "node:child_process";
import { EX_UNAVAILABLE } from "../linux/exit-codes.js";
import { openStderr } from "../linux/stderr.js";
import { MESSAGE_IDS } from "../machine/news.js";
import type { Manager } from "../systemd/dbus.js";
import { printable } from "../systemd/formats/printable.js";
import { askStatus } from "./ask-status.js";
import { CommandError, UsageError } from "./errors.js";
import { logElsewhere } from "./logs/elsewhere.js";
import { LOGS } from "./logs/table.js";
import { helpText } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import { choiceOption, countOption } from "./options/values.js";
import { zerodownUnits } from "./status/units.js";
import { explainManagerError, loadUnit, readNamed, type UnitTarget, unitTarget } from "./target.js";

export async function logs(args: readonly string[]): Promise<number> {
  const { values, operands, rest = [] } = parseCommandLine(LOGS, args);
  if (values.help) {
    process.stdout.write(helpText(LOGS));
    return 0;
  }
  const { unit, scope } = readNamed(values, operands);
  const generation = values.generation === undefined ? undefined : countOption("generation", values.generation);
  if (generation !== undefined && unit === undefined) throw new UsageError("--generation: of which unit?");
  const events = (values.event ?? []).map(event => `ZERODOWN_EVENT=${choiceOption("event", event, MESSAGE_IDS)}`);
  const units = unit === undefined ? await allUnits(scope) : [await loadUnit(unit, scope)];
  for (const { name, properties } of units) {
    const where = logElsewhere(properties);
    if (where) openStderr()(`${printable(`zerodown: ${name}: its log isn't in the journal: ${where}`)}\n`);
  }
  try {
    const matches = await matchesOf(generation, events, units[0]!);
    return journal([...units.flatMap(selection), ...matches, ...rest]);
  } finally {
    for (const { manager } of units) manager.close();
  }
}

async function allUnits(scope: "system" | "user"): Promise<UnitTarget[]> {
  const { Manager } = await import("../systemd/dbus.js");
  let manager: Manager | undefined;
  try {
    manager = await Manager.connect(scope);
    const units = await zerodownUnits(manager);
    if (units.length > 0) return units;
  } catch (error) {
    manager?.close();
    throw await explainManagerError(error);
  }
  manager.close();
  throw new CommandError("no unit runs zerodown", EX_UNAVAILABLE);
}

/** Since it was started last: generations are counted from there. */
function selection({ name, manager, properties }: UnitTarget, _: number, { length }: readonly unknown[]): string[] {
  const started = Number(properties.InactiveExitTimestamp ?? 0);
  const since = length === 1 && started > 0 ? [`--since=@${Math.floor(started / 1e6)}`] : [];
  return [manager.scope === "user" ? `--user-unit=${name}` : `--unit=${name}`, ...since];
}

/** Of the unit's entries those that are asked for. */
async function matchesOf(
  generation: number | undefined,
  events: readonly string[],
  unit: UnitTarget,
): Promise<readonly string[]> {
  if (generation === undefined) return events;
  return events.length > 0 ? [`ZERODOWN_GENERATION=${generation}`, ...events] : writtenBy(generation, unit);
}

async function writtenBy(number: number, unit: UnitTarget): Promise<string[]> {
  const { generations } = await askStatus(unitTarget(unit).control);
  const generation = generations.find(generation => generation.number === number);
  // Where generations have cgroups, those that are forgotten had them, too.
  const known = generations.find(({ cgroup }) => cgroup !== undefined)?.cgroup;
  const cgroup = known && `_SYSTEMD_CGROUP=${known.replace(/\/generation-\d+(?=\/|$).*/, "")}/generation-${number}`;
  const pid = generation?.pid === undefined ? undefined : `_PID=${generation.pid}`;
  const matches = [cgroup, pid].filter(match => match !== undefined);
  if (matches.length > 0 && number > 0) return matches.flatMap((match, index) => (index > 0 ? ["+", match] : match));
  throw new CommandError(`${unit.name}: generation ${number} isn't known (any more)`, EX_UNAVAILABLE);
}

/** Its pager, and its view of a terminal, are journalctl's own. */
function journal(args: readonly string[]): number {
  const { status, signal, error } = spawnSync("journalctl", args, { stdio: "inherit" });
  if (error) throw new CommandError(`journalctl: ${error.message}`, EX_UNAVAILABLE, { cause: error });
  return status ?? (signal === "SIGINT" ? 0 : 1);
}
