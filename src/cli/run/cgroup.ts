// The unit's cgroup, for a supervisor that starts, or goes on.

import { USUAL_WEIGHT } from "../../machine/boot.js";
import type { Log } from "../../supervisor/log.js";
import { UnitCgroup } from "../../systemd/as-service/unit-cgroup.js";
import type { Document } from "./document.js";
import type { RunOptions } from "./options.js";

export function takeCgroup(
  environment: NodeJS.ProcessEnv,
  { bootWeight, asksForWeight }: RunOptions,
  log: Log,
): UnitCgroup | undefined {
  const weighs = bootWeight !== USUAL_WEIGHT;
  try {
    const cgroup = UnitCgroup.take(environment, weighs, what => log("notice", what));
    if (asksForWeight && weighs && !cgroup?.weighs) log("warning", noWeight(bootWeight));
    return cgroup;
  } catch (error) {
    const why = (error as Error).message;
    log("warning", `the unit's cgroup can't be used (${why}): generations have process groups only`);
    return undefined;
  }
}

export function adoptCgroup({ cgroup }: Document): UnitCgroup | undefined {
  return cgroup ? UnitCgroup.adopt(cgroup) : undefined;
}

/** Nothing else that slows a boot down could be taken back without privilege: docs/decisions/boot-weight.md. */
function noWeight(weight: number): string {
  const why = "no cpu controller is delegated to the unit (Delegate=yes)";
  return `--boot-weight ${weight} does nothing: ${why}, so that what starts gets as much CPU as what serves`;
}
