// Which release each start is from, seen from outside: a crash is no deploy.

import { REMEMBERED } from "../../src/machine/releases.js";
import { serving } from "../../src/machine/state.js";
import { check } from "./invariants.js";
import { tells } from "./lives.js";
import type { Step } from "./vocabulary.js";

/**
 * All processes of a generation are started from one release, and what replaces one that crashed is started from the
 * release that served, whatever is on disk by then. Only who asks for a reload gets what is on disk; who asks for a
 * rollback gets what served before.
 */
export function aCrashIsNoDeploy(): (scene: { readonly step: Step }) => void {
  const releases = new Map<number, number>();
  const proven = new Set<number>([REMEMBERED]);
  let served: number | undefined;
  /** A reload is under way: its generation may have to wait for room before its first process is started. */
  let isReloading = false;
  return ({ step }) => {
    const { event, effects, after } = step;
    isReloading ||= tells(step, "RELOADING=1");
    if (event.type === "recognized") releases.set(event.generation, event.release);
    for (const effect of effects) {
      if (effect.type !== "spawn") continue;
      const { generation, release, slot, workers } = effect;
      check(slot < workers, `slot ${slot} of ${workers}`);
      const known = releases.get(generation);
      check((known ?? release) === release, `generation ${generation} has two releases`);
      const isAskedFor = isReloading || event.type === "try" || served === undefined;
      if (known === undefined && !isAskedFor)
        check(release === served, `a crash starts ${release} instead of ${served}`);
      const isRollback = after.generations.some(({ number, cause }) => number === generation && cause === "rollback");
      check(!isRollback || proven.has(release), `a rollback starts ${release}, which never served`);
      releases.set(generation, release);
    }
    if (tells(step, "READY=1") && !tells(step, "RELOADING=1")) isReloading = false;
    const current = serving(after);
    if (!current) return;
    served = releases.get(current.number)!;
    proven.add(served);
  };
}
