// zerodown metrics: what there is to measure of units, for Prometheus.

import { openStderr } from "../linux/stderr.js";
import type { Manager, Scope } from "../systemd/dbus.js";
import { printable } from "../systemd/formats/printable.js";
import { askStatus } from "./ask-status.js";
import { isCommandError, UsageError } from "./errors.js";
import type { Sample } from "./metrics/families.js";
import { METRICS } from "./metrics/table.js";
import { formatMetrics } from "./metrics/text.js";
import { replaceFile } from "./metrics/write.js";
import { helpText } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import { statusFacts, unitFacts } from "./status/facts.js";
import { isOlder, zerodownUnits } from "./status/units.js";
import { explainManagerError, loadUnit, readNamed, type UnitTarget, unitTarget } from "./target.js";

declare const VERSION: string;

export async function metrics(args: readonly string[]): Promise<number> {
  const { values, operands } = parseCommandLine(METRICS, args);
  if (values.help) {
    process.stdout.write(helpText(METRICS));
    return 0;
  }
  const { all, output } = values;
  if (output === "") throw new UsageError("--output: the path is empty");
  if (all && operands.length > 0) throw new UsageError("--all is every unit: name none");
  if (!all && operands.length === 0) throw new UsageError("of which units? Name them, or give --all");
  const { scope } = readNamed(values, []);
  const names = operands.map(operand => readNamed(values, [operand]).unit!);
  const text = formatMetrics(await Promise.all((await find(names, scope)).map(sampleOf)));
  if (output === undefined) process.stdout.write(text);
  else replaceFile(output, text);
  return 0;
}

/** Those with these names, each once, or all where there are none. */
async function find(names: readonly string[], scope: Scope): Promise<UnitTarget[]> {
  if (names.length === 0) return allUnits(scope);
  const units = new Map<unknown, UnitTarget>();
  for (const name of names) {
    const unit = await loadUnit(name, scope);
    unit.manager.close();
    units.set(unit.properties.Id, unit);
  }
  return [...units.values()];
}

async function allUnits(scope: Scope): Promise<UnitTarget[]> {
  const { Manager } = await import("../systemd/dbus.js");
  let manager: Manager | undefined;
  try {
    manager = await Manager.connect(scope);
    return await zerodownUnits(manager);
  } catch (error) {
    throw await explainManagerError(error);
  } finally {
    manager?.close();
  }
}

async function sampleOf(target: UnitTarget): Promise<Sample> {
  const unit = unitFacts(target.properties);
  if (unit.MainPID === 0) return { unit, supervisor: null };
  try {
    const report = await askStatus(unitTarget(target).control);
    const { generations } = statusFacts(report, unit);
    return { unit, supervisor: { report, generations, older: isOlder(report.version, VERSION) } };
  } catch (error) {
    if (!isCommandError(error)) throw error;
    openStderr()(`${printable(`zerodown: ${unit.Id}: ${error.message}`)}\n`);
    return { unit, supervisor: null };
  }
}
