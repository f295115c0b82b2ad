// zerodown status: what serves, what it uses, and how those before it ended.

import { NOT_RUNNING } from "../linux/exit-codes.js";
import type { Manager } from "../systemd/dbus.js";
import { askStatus } from "./ask-status.js";
import { UsageError } from "./errors.js";
import { helpText } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import type { Values } from "./options/table.js";
import { type StatusFacts, statusFacts, stoppedFacts, unitFacts } from "./status/facts.js";
import { LiveView } from "./status/live.js";
import { STATUS } from "./status/table.js";
import { formatStatus } from "./status/text.js";
import { watchStatus } from "./status/watch.js";
import {
  explainManagerError,
  findTarget,
  loadUnit,
  type NamedTarget,
  readNamed,
  type Target,
  type UnitTarget,
  unitTarget,
} from "./target.js";
import { canRedraw, paint, width } from "./terminal.js";

declare const VERSION: string;

export async function status(args: readonly string[]): Promise<number> {
  const { values, operands } = parseCommandLine(STATUS, args);
  if (values.help) {
    process.stdout.write(helpText(STATUS));
    return 0;
  }
  const end = new AbortController();
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever reads it has seen enough.
    if (error.code !== "EPIPE") throw error;
    end.abort();
  });
  const format = values.json ? toJson : toLines;
  const named = readNamed(values, operands);
  if (isAboutAll(named)) return listUnits(named, values);
  const unit = named.unit === undefined ? undefined : await loadUnit(named.unit, named.scope);
  try {
    if (unit && isStopped(unit)) {
      print(format(stoppedFacts(unitFacts(unit.properties))));
      return NOT_RUNNING;
    }
    const target = unit ? await orSystemdsHalf(unit, format, async () => unitTarget(unit)) : await findTarget(named);
    if (!values.watch) print(format(await (unit ? orSystemdsHalf(unit, format, () => look(target)) : look(target))));
    else if (values.json) await watchStatus(target, end, facts => print(toJson(facts)));
    else await watchLines(target, end);
    return 0;
  } finally {
    unit?.manager.close();
  }
}

/** Outside a unit, and without a name, it is about all of them. */
function isAboutAll({ unit, pid, control }: NamedTarget): boolean {
  return unit === undefined && pid === undefined && control === undefined && process.env.MAINPID === undefined;
}

async function listUnits(
  { scope }: NamedTarget,
  { json, watch }: Pick<Values<typeof STATUS.options>, "json" | "watch">,
): Promise<number> {
  if (watch) throw new UsageError("--watch shows one unit: which?");
  const { Manager } = await import("../systemd/dbus.js");
  const { formatUnits, unitRow, zerodownUnits } = await import("./status/units.js");
  let manager: Manager | undefined;
  try {
    manager = await Manager.connect(scope);
    const units = await zerodownUnits(manager);
    const rows = await Promise.all(units.map(unit => unitRow(unit, VERSION)));
    if (json) print([JSON.stringify({ units: rows })]);
    else if (rows.length > 0) print(formatUnits(rows, { width: width(), paint }));
    else print([`no unit of ${scope === "system" ? "the system's" : "your own"} manager runs zerodown`]);
    return 0;
  } catch (error) {
    throw await explainManagerError(error);
  } finally {
    manager?.close();
  }
}

/** Where no supervisor is to be seen, systemd's view of the unit is shown before that is said. */
async function orSystemdsHalf<T>(
  unit: UnitTarget,
  format: (facts: StatusFacts) => string[],
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    print(format(stoppedFacts(unitFacts(unit.properties))));
    throw error;
  }
}

function toLines(facts: StatusFacts): string[] {
  return formatStatus(facts, { width: width(), paint });
}

function toJson(facts: StatusFacts): string[] {
  return [JSON.stringify(facts)];
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map(line => `${line}\n`).join(""));
}

/** A unit that never has a main process, like a socket, isn't called stopped while it is active. */
function isStopped({ properties: { MainPID, ActiveState } }: UnitTarget): boolean {
  return MainPID === 0 && ActiveState !== "active";
}

async function look({ control, unit }: Target): Promise<StatusFacts> {
  return statusFacts(await askStatus(control), unit ? unitFacts(unit.properties) : null);
}

/** On a terminal it is drawn over what was there before; what was last seen stays to be read. */
async function watchLines(target: Target, end: AbortController): Promise<void> {
  if (!canRedraw) return watchStatus(target, end, facts => print([...toLines(facts), ""]));
  const view = new LiveView();
  try {
    await watchStatus(target, end, (facts, look) => view.show(facts, look));
  } finally {
    print(view.end());
  }
}
