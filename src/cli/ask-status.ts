// The call of Status: once, or for as long as it tells of changes.

import { checkStatus } from "../control/check-reply.js";
import type { StatusReport } from "../control/types.js";
import { VarlinkError } from "../control/varlink.js";
import { EX_TEMPFAIL } from "../linux/exit-codes.js";
import { call, noSupervisor, refused } from "./call.js";
import { CommandError } from "./errors.js";

/** A supervisor replies at once: one that doesn't in that many seconds is stopped, or stuck. */
const PATIENCE = 5;

/**
 * @param onReport makes it go on until it is ended: called with the report at hand and with each one after a change
 * @throws {CommandError} when the supervisor can't be reached, doesn't answer, goes away or isn't one
 */
export async function askStatus(
  path: string,
  { onReport, signal }: { onReport?: (report: StatusReport) => void; signal?: AbortSignal } = {},
): Promise<StatusReport> {
  const end = new AbortController();
  const stop = () => end.abort();
  signal?.addEventListener("abort", stop);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, PATIENCE * 1e3);
  const read = (reply: Record<string, unknown>) => {
    const report = checkStatus(reply);
    if (!report) throw noSupervisor(path);
    return report;
  };
  const onReply = (reply: Record<string, unknown>) => {
    clearTimeout(timer);
    onReport!(read(reply));
  };
  try {
    return read(await call(path, "Status", {}, { signal: end.signal, ...(onReport && { onReply }) }));
  } catch (error) {
    if (isLate) throw new CommandError(`${path}: no answer within ${PATIENCE}s; is it stopped?`, EX_TEMPFAIL);
    if (error instanceof VarlinkError) throw refused(path, "Status", error);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
