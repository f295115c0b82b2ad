// zerodown rollback: start again what served before, and wait for the outcome.

import { checkReload } from "../control/check-reply.js";
import { VarlinkError } from "../control/varlink.js";
import { call, noSupervisor, refused } from "./call.js";
import { abortAfter, noOutcome } from "./deadline.js";
import { CommandError } from "./errors.js";
import { helpText } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import { timeOption } from "./options/values.js";
import { describeGenerations } from "./reload/describe.js";
import { explainFailure } from "./reload/explain.js";
import { ROLLBACK } from "./rollback/table.js";
import { findTarget, readNamed } from "./target.js";
import { Progress } from "./terminal.js";

export async function rollback(args: readonly string[]): Promise<number> {
  const { values, operands } = parseCommandLine(ROLLBACK, args);
  if (values.help) {
    process.stdout.write(helpText(ROLLBACK));
    return 0;
  }
  const timeout = timeOption("timeout", values.timeout);
  const target = await findTarget(readNamed(values, operands));
  const { control } = target;
  const progress = new Progress();
  const signal = abortAfter(timeout);
  const read = (reply: Record<string, unknown>) => {
    const report = checkReload(reply);
    if (!report) throw noSupervisor(control);
    return describeGenerations(report);
  };
  try {
    const { replace = false } = values;
    const onReply = (part: Record<string, unknown>) => progress.show(read(part));
    const result = read(await call(control, "Rollback", { replace }, { onReply, signal }));
    progress.end();
    process.stdout.write(`${result}\n`);
    return 0;
  } catch (error) {
    progress.end();
    if (signal.aborted) throw noOutcome(timeout, "a rollback");
    if (!(error instanceof VarlinkError)) throw error;
    if (error.error.endsWith(".ReloadFailed")) throw await explainFailure(error, control);
    if (!error.error.endsWith(".NoRelease")) throw refused(control, "Rollback", error);
    throw new CommandError(String(error.parameters.reason), 1, { cause: error });
  } finally {
    target.unit?.manager.close();
  }
}
