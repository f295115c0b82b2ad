// zerodown completion: the scripts that complete its commands in a shell, and what these ask for.

import { askStatus } from "./ask-status.js";
import { bashScript } from "./completion/bash.js";
import { fishScript } from "./completion/fish.js";
import { COMPLETION } from "./completion/table.js";
import { zshScript } from "./completion/zsh.js";
import { isCommandError, UsageError } from "./errors.js";
import { helpText } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import { zerodownUnits } from "./status/units.js";
import { loadUnit, readNamed, unitTarget } from "./target.js";

const SCRIPTS: Readonly<Record<string, () => string>> = { bash: bashScript, zsh: zshScript, fish: fishScript };

export async function completion(args: readonly string[]): Promise<number> {
  const { values, operands } = parseCommandLine(COMPLETION, args);
  const [shell = "", ...others] = operands;
  if (values.help) process.stdout.write(helpText(COMPLETION));
  else if (values.units) print(await orNone(() => units(readNamed(values, []).scope)));
  else if (values.generations !== undefined) {
    const { unit = "", scope } = readNamed(values, [values.generations]);
    print(await orNone(() => generations(unit, scope)));
  } else if (Object.hasOwn(SCRIPTS, shell) && others.length === 0) process.stdout.write(SCRIPTS[shell]!());
  else throw new UsageError(`which shell? One of ${Object.keys(SCRIPTS).join(", ")}`);
  return 0;
}

async function units(scope: "system" | "user"): Promise<string[]> {
  const { Manager } = await import("../systemd/dbus.js");
  const manager = await Manager.connect(scope);
  try {
    return (await zerodownUnits(manager)).map(({ name }) => name);
  } finally {
    manager.close();
  }
}

async function generations(name: string, scope: "system" | "user"): Promise<string[]> {
  const unit = await loadUnit(name, scope);
  try {
    const report = await askStatus(unitTarget(unit).control);
    return report.generations.map(({ number }) => String(number));
  } finally {
    unit.manager.close();
  }
}

/** Somebody types: where nothing can be found, nothing is completed, and nothing is said. */
async function orNone(find: () => Promise<string[]>): Promise<string[]> {
  try {
    return await find();
  } catch (error) {
    const { ManagerError } = await import("../systemd/dbus.js");
    if (isCommandError(error) || error instanceof ManagerError) return [];
    throw error;
  }
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map(line => `${line}\n`).join(""));
}
