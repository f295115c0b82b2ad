// Following a supervisor, and its unit: whoever tells of a change is listened to, nobody is asked again and again.

import type { StatusReport } from "../../control/types.js";
import { EX_UNAVAILABLE } from "../../linux/exit-codes.js";
import { askStatus } from "../ask-status.js";
import { CommandError } from "../errors.js";
import { explainManagerError, type Target, type UnitTarget } from "../target.js";
import { type StatusFacts, statusFacts, type UnitView, unitFacts } from "./facts.js";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Shows how it is, and again after each change, until it is ended: by `end`, SIGINT or SIGTERM.
 *
 * @param show called with how it is, and with what looks again at how it is then: the same report, later
 * @throws {CommandError} when the supervisor, or the bus, goes away
 */
export async function watchStatus(
  { control, unit }: Target,
  end: AbortController,
  show: (facts: StatusFacts, look: () => StatusFacts) => void,
): Promise<void> {
  const stop = () => end.abort();
  for (const signal of SIGNALS) process.on(signal, stop);
  let report: StatusReport | undefined;
  let heardAt = 0;
  let unitView = unit ? unitFacts(unit.properties) : null;
  const look = () => {
    // The clocks run alike, but in a container need not show the same.
    const now = report!.now + Math.round((performance.now() - heardAt) * 1e3);
    return statusFacts({ ...report!, now }, unitView);
  };
  const update = () => {
    if (report && !end.signal.aborted) show(statusFacts(report, unitView), look);
  };
  const onReport = (latest: StatusReport) => {
    report = latest;
    heardAt = performance.now();
    update();
  };
  const onView = (latest: UnitView) => {
    // systemd also tells of changes that aren't shown.
    if (JSON.stringify(latest) === JSON.stringify(unitView)) return;
    unitView = latest;
    update();
  };
  try {
    const asked = askStatus(control, { onReport, signal: end.signal });
    await Promise.race(unit ? [asked, follow(unit, onView)] : [asked]);
  } catch (error) {
    if (end.signal.aborted) return;
    if (report && error instanceof CommandError && error.exitStatus === EX_UNAVAILABLE) {
      throw new CommandError(`the supervisor (pid ${report.pid}) went away`, EX_UNAVAILABLE);
    }
    throw await explainManagerError(error);
  } finally {
    stop();
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}

/** Never resolves; rejects when the bus or systemd does. */
function follow({ name, manager }: UnitTarget, onView: (view: UnitView) => void): Promise<never> {
  return new Promise((_, reject) => {
    const refresh = () => manager.unitProperties(name).then(properties => onView(unitFacts(properties)), reject);
    // Once more when signals come: what changed before that was missed.
    manager.followUnit(name, refresh).then(refresh, reject);
    manager.lost.catch(reject);
  });
}
