// STATUS=: what systemd is told of how it goes.

import { doomText } from "./outcome-words.js";
import { hasFallenBack } from "./releases.js";
import {
  candidate,
  type Generation,
  hasDied,
  hasWorkers,
  isTrial,
  type State,
  servesIn,
  serving,
  statusOf,
} from "./state.js";
import { capital, countOf, list, nameOf, problemText } from "./words.js";

/** What `systemctl status` shows. */
export function statusText(state: State): string {
  const problem = state.problem ? problemText(state.problem) : "";
  if (state.phase !== "running") {
    return state.generations.length > 0 ? `${problem}: waiting for ${list(state.generations, nameOf)}` : problem;
  }
  const before = problem && `${problem}. `;
  const starting = candidate(state);
  const current = serving(state);
  if (starting?.state === "starting")
    return `${before}Starting generation ${starting.number}${progress(state, starting)}`;
  if (!current) return `${before}Starting generation ${state.lastNumber + 1}`;
  if (hasWorkers(current)) return `${before}Generation ${current.number} ${workersText(state, current)}`;
  return `${before}${capital(nameOf(current))} ${conditionText(state, current)}`;
}

/** How far it has come where it takes over slot by slot. */
function progress({ workers }: State, generation: Generation): string {
  const done = countServing(workers, generation);
  return done > 0 ? ` (${done} of ${countOf(workers)} serving)` : "";
}

/** What the workers of the current generation do, and which others are there. */
function workersText(state: State, current: Generation): string {
  const { workers, problem } = state;
  const serving = countServing(workers, current);
  const count = serving === workers ? countOf(workers) : `${serving} of ${countOf(workers)}`;
  if (hasFallenBack(current)) return `serving (${count}): the release that served last`;
  return problem ? `still serving (${count})` : `serving (${count})${othersText(state, those => list(those, nameOf))}`;
}

function countServing(workers: number, generation: Generation): number {
  return Array.from({ length: workers }, (_, slot) => slot).filter(slot => servesIn(generation, slot)).length;
}

/** What the current generation does, and which others are there. */
function conditionText(state: State, current: Generation): string {
  if (hasDied(current)) return "has ended: waiting for what it has left";
  const [doom] = current.processes.flatMap(({ doom }) => doom ?? []);
  if (doom) return `${doomText(doom)}: waiting for its end`;
  if (hasFallenBack(current)) return "serving: the release that served last";
  if (state.problem) return "still serving";
  const status = statusOf(current) && `: ${statusOf(current)}`;
  const those = (generations: readonly Generation[]) => `generation ${list(generations, ({ number }) => number)}`;
  return `serving${status}${othersText(state, those)}`;
}

function othersText({ generations }: State, nameAll: (those: readonly Generation[]) => string): string {
  const others = (["settling", "draining"] as const).map(wanted => {
    const those = generations.filter(generation => generation.state === wanted && !isTrial(generation));
    return those.length > 0 ? `; ${wanted}: ${nameAll(those)}` : "";
  });
  return others.join("");
}
