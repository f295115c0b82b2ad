// What there is, in a line, while somebody waits.

import type { GenerationReport } from "../../control/types.js";

/** "generation 4 (3 workers, 1 more draining) serving, generation 3 (pid 901) draining" */
export function describeGenerations({ generations }: { readonly generations: readonly GenerationReport[] }): string {
  return generations
    .filter(({ state }) => state !== "ended")
    .sort((a, b) => b.number - a.number)
    .map(
      generation =>
        `generation ${generation.number}${who(generation)} ${generation.trial ? "tried" : generation.state}`,
    )
    .join(", ");
}

function who({ pid, state, workers }: GenerationReport): string {
  if (!workers) return pid === undefined ? "" : ` (pid ${pid})`;
  const count = workers.filter(worker => worker.state === state).length;
  // Those that were replaced, or are too many, aren't missing anywhere.
  const draining = state === "draining" ? 0 : workers.filter(worker => worker.state === "draining").length;
  const wanted = workers.length - draining;
  const all = `${wanted} worker${wanted === 1 ? "" : "s"}`;
  return ` (${count === wanted ? all : `${count} of ${all}`}${draining > 0 ? `, ${draining} more draining` : ""})`;
}
