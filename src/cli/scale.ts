// zerodown scale: ask for another number of workers, and wait until they serve.

import { checkScale } from "../control/check-reply.js";
import type { ReloadFailure } from "../control/types.js";
import { VarlinkError } from "../control/varlink.js";
import { call, noSupervisor, refused } from "./call.js";
import { CommandError, UsageError } from "./errors.js";
import { helpText } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import { describeGenerations } from "./reload/describe.js";
import { SCALE } from "./scale/table.js";
import { findTarget, readNamed } from "./target.js";
import { Progress } from "./terminal.js";

export async function scale(args: readonly string[]): Promise<number> {
  const { values, operands } = parseCommandLine(SCALE, args);
  if (values.help) {
    process.stdout.write(helpText(SCALE));
    return 0;
  }
  const workers = readCount(operands.at(-1));
  const target = await findTarget(readNamed(values, operands.slice(0, -1)));
  const progress = new Progress();
  const read = (reply: Record<string, unknown>) => {
    const report = checkScale(reply);
    if (!report) throw noSupervisor(target.control);
    return describeGenerations(report);
  };
  try {
    const onReply = (part: Record<string, unknown>) => progress.show(read(part));
    const result = read(await call(target.control, "Scale", { workers }, { onReply }));
    progress.end();
    process.stdout.write(`${result}\n`);
    return 0;
  } catch (error) {
    progress.end();
    if (!(error instanceof VarlinkError)) throw error;
    if (!error.error.endsWith(".ScaleFailed")) throw refused(target.control, "Scale", error);
    throw new CommandError((error.parameters as Partial<ReloadFailure>).reason ?? "", 1, { cause: error });
  } finally {
    target.unit?.manager.close();
  }
}

function readCount(text: string | undefined): number {
  const count = /^\d+$/.test(text ?? "") ? Number(text) : 0;
  if (count >= 1 && count <= 0x7fffffff) return count;
  throw new UsageError(
    text === undefined
      ? "how many? As in zerodown scale app.service 8"
      : `"${text}" is not a number of workers (1, 2, 3 …), which comes last, as in zerodown scale app.service 8`,
  );
}
