// zerodown reload --dry-run: try what is on disk, and change nothing.

import { checkReload } from "../../control/check-reply.js";
import { VarlinkError } from "../../control/varlink.js";
import { call, noSupervisor, refused } from "../call.js";
import { abortAfter, noOutcome } from "../deadline.js";
import { UsageError } from "../errors.js";
import { findTarget, type NamedTarget } from "../target.js";
import { Progress } from "../terminal.js";
import { describeGenerations } from "./describe.js";
import { explainFailure } from "./explain.js";

export interface DryRunOptions {
  /** µs. */
  readonly timeout: number;
  readonly replace: boolean;
  readonly same: boolean;
}

/** Asks the supervisor, because systemd has no part in it. @returns what came of it, a line */
export async function dryRun(named: NamedTarget, { timeout, replace, same }: DryRunOptions): Promise<string> {
  if (same)
    throw new UsageError("--dry-run tries what is on disk, and --same is what serves now: they exclude each other");
  if (replace) throw new UsageError("--dry-run changes nothing, so that --replace has no meaning with it");
  const target = await findTarget(named);
  const { control } = target;
  const progress = new Progress();
  const signal = abortAfter(timeout);
  const read = (reply: Record<string, unknown>) => {
    const report = checkReload(reply);
    if (!report) throw noSupervisor(control);
    return report;
  };
  try {
    const onReply = (part: Record<string, unknown>) => progress.show(describeGenerations(read(part)));
    const { generation, generations } = read(await call(control, "DryRun", {}, { onReply, signal }));
    const others = generations.filter(({ number }) => number !== generation);
    return `generation ${generation} would serve. Nothing has changed: ${describeGenerations({ generations: others })}`;
  } catch (error) {
    if (signal.aborted) throw noOutcome(timeout, "a dry run");
    if (!(error instanceof VarlinkError)) throw error;
    if (!error.error.endsWith(".ReloadFailed")) throw refused(control, "DryRun", error);
    throw await explainFailure(error, control, true);
  } finally {
    progress.end();
    target.unit?.manager.close();
  }
}
