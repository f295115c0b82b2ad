// News: what happens in a service that programs want to hear of. Each is a line of the log with values beside it.

import type { Named } from "./outcome.js";
import { type Actor, type Generation, named, namedActor, type State, serving } from "./state.js";

export type NewsEvent = "promoted" | "failed" | "crashed" | "gave-up" | "drained" | "killed" | "recycled" | "upgraded";

/** The MESSAGE_ID of the journal's entries about each, as in src/packaging/zerodown.catalog. */
export const MESSAGE_IDS: Readonly<Record<NewsEvent, string>> = {
  promoted: "8bf6fc52006a4b218d13669dfc95bb86",
  failed: "df1ffefcf1594e1b94a22a9505045e94",
  crashed: "99106fe062944aa6bd9ac978f6540fdf",
  "gave-up": "e7f4a18a88d2448d8ec7af23016a95d1",
  drained: "f0d2cfc034094cf6aa0444fe34bf58c6",
  killed: "e577ca4a28ed4a4e990b78bd68860eef",
  recycled: "afb837b493d141c5a98cfaaa85cbc1c1",
  upgraded: "4a002b5596c142b9827a1b9cdcfac64f",
};

export interface News {
  readonly event: NewsEvent;
  /** null where it isn't about one. */
  readonly generation: number | null;
  /** The slot of one of several workers; null for the whole generation. */
  readonly worker: number | null;
  /** Its main process. */
  readonly pid: number | null;
  /** The first generation of the same release. */
  readonly release: number | null;
  /** How long it took, µs: until it served, failed or had ended. */
  readonly duration: number | null;
  /** The kind of outcome, or why it is recycled. */
  readonly result: string | null;
}

type More = Partial<Pick<News, "duration" | "result">>;

export function newsOf(event: NewsEvent, generation: Generation, more: More): News {
  return newsOn(event, generation, named(generation), more);
}

export function newsOfActor(event: NewsEvent, actor: Actor, more: More): News {
  return newsOn(event, actor.generation, namedActor(actor), more);
}

/** Of a supervisor that has taken over. */
export function upgraded(state: State): News {
  const current = serving(state);
  if (current) return newsOf("upgraded", current, {});
  const unknown = { generation: null, worker: null, pid: null, release: null };
  return { event: "upgraded", ...unknown, duration: null, result: null };
}

/** @param who of that generation it is about */
export function newsOn(event: NewsEvent, { number, release }: Generation, who: Named, more: More): News {
  const { worker, pids } = who;
  const [pid = null] = pids;
  return { event, generation: number, worker, pid, release, duration: null, result: null, ...more };
}
