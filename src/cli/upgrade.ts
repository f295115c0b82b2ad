// zerodown upgrade: have a supervisor replace itself by the version on disk, and wait until the new one has answered.

import { checkUpgrade } from "../control/check-reply.js";
import { VarlinkError } from "../control/varlink.js";
import { openStderr } from "../linux/stderr.js";
import type { Manager, Scope } from "../systemd/dbus.js";
import { printable } from "../systemd/formats/printable.js";
import { call, noSupervisor, refused } from "./call.js";
import { abortAfter, noOutcome } from "./deadline.js";
import { CommandError, isCommandError, UsageError } from "./errors.js";
import { helpText } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import { explainManagerError, findTarget, readNamed, unitTarget } from "./target.js";
import { UPGRADE } from "./upgrade/table.js";

/** Longer than the proof may take, and the start of the new version. µs */
const PATIENCE = 60e6;

export async function upgrade(args: readonly string[]): Promise<number> {
  const { values, operands } = parseCommandLine(UPGRADE, args);
  if (values.help) {
    process.stdout.write(helpText(UPGRADE));
    return 0;
  }
  const named = readNamed(values, operands);
  if (values.all) {
    if (named.unit ?? named.pid ?? named.control) throw new UsageError("--all is every unit: name none");
    return upgradeAll(named.scope);
  }
  const { control, unit } = await findTarget(named);
  try {
    await upgradeOne(control, unit?.name);
    return 0;
  } finally {
    unit?.manager.close();
  }
}

async function upgradeAll(scope: Scope): Promise<number> {
  const { Manager } = await import("../systemd/dbus.js");
  const { zerodownUnits } = await import("./status/units.js");
  let manager: Manager | undefined;
  let status = 0;
  try {
    manager = await Manager.connect(scope);
    // One that doesn't run gets the new version when it is started.
    const units = (await zerodownUnits(manager)).filter(({ properties }) => Number(properties.MainPID) > 0);
    for (const unit of units) {
      try {
        await upgradeOne(unitTarget(unit).control, unit.name);
      } catch (error) {
        if (!isCommandError(error)) throw error;
        openStderr()(`${printable(`zerodown: ${error.message}`)}\n`);
        status = 1;
      }
    }
    return status;
  } catch (error) {
    throw await explainManagerError(error);
  } finally {
    manager?.close();
  }
}

/** Prints from which version to which. @throws {CommandError} where the old one goes on, or none answers */
async function upgradeOne(control: string, unit: string | undefined): Promise<void> {
  const signal = abortAfter(PATIENCE);
  const whose = unit ?? control;
  try {
    const report = checkUpgrade(await call(control, "Upgrade", {}, { signal }));
    if (!report) throw noSupervisor(control);
    const { before, version, pid } = report;
    process.stdout.write(`${whose}: ${before} → ${version} (pid ${pid})\n`);
  } catch (error) {
    if (signal.aborted) throw noOutcome(PATIENCE, "an upgrade");
    if (isCommandError(error) && error.cause instanceof VarlinkError && error.cause.error.endsWith(".MethodNotFound")) {
      throw new CommandError(`${whose}: its version knows no upgrade: only a restart brings a newer one`, 1, {
        cause: error,
      });
    }
    if (!(error instanceof VarlinkError)) throw error;
    if (!error.error.endsWith(".UpgradeFailed")) throw refused(control, "Upgrade", error);
    throw new CommandError(`${whose}: no upgrade: ${error.parameters.reason}`, 1, { cause: error });
  }
}
