// Reloads: who asked, and which generation answers.

import type { ReloadRequest } from "./events.js";
import { extension, SAME_REQUEST, startLimit } from "./limits.js";
import { log, type Move, tell } from "./move.js";
import { startGeneration } from "./start.js";
import { candidate, type Generation, serving } from "./state.js";
import { cancel } from "./stop.js";
import { NEVER, setOwnTimer } from "./timers.js";
import { oneMoreLine, SAME_REQUEST_LINE } from "./words.js";

export function requestReload(move: Move, { asker, since, replace }: ReloadRequest): void {
  const askers = asker === null ? [] : [asker];
  const starting = candidate(move.state);
  if (move.state.phase !== "running") {
    move.effects.push({ type: "result", askers, generation: null, problem: { kind: "stopping" } });
  } else if (since !== null && isAnswered(move, askers, since)) {
    log(move, "debug", SAME_REQUEST_LINE);
  } else if (starting) {
    // Its code may be older than the request: one more reload follows, for all who ask meanwhile.
    if (!move.state.pending) log(move, "info", oneMoreLine(starting));
    move.state = { ...move.state, pending: [...(move.state.pending ?? []), ...askers] };
    if (replace) cancel(move);
  } else {
    beginReload(move, askers, asker === null ? "signal" : "command");
  }
}

/** Begins the reload that was asked for while another one ran, if there is one. */
export function startPending(move: Move): void {
  const { pending } = move.state;
  if (!pending) return;
  move.state = { ...move.state, pending: null };
  beginReload(move, pending, pending.length > 0 ? "command" : "signal");
}

function beginReload(move: Move, askers: readonly number[], cause: Generation["cause"]): void {
  setOwnTimer(move, "restart", NEVER);
  // Why nothing serves is told until something does.
  const problem = serving(move.state) ? null : move.state.problem;
  move.state = { ...move.state, reload: { askers }, problem };
  startGeneration(move, cause);
  const patience = extension(startLimit(move.config));
  if (move.state.announced) tell(move, "RELOADING=1", `MONOTONIC_USEC=${Math.floor(move.now)}`, patience);
  else tell(move, patience);
}

/** Whether a generation that was started since answers the request: then it has, or will have, that one's result. */
function isAnswered(move: Move, askers: readonly number[], since: number): boolean {
  const { reload, generations, ended } = move.state;
  const answers = ({ cause, startedAt }: Generation) =>
    (cause === "signal" && startedAt >= since - SAME_REQUEST) || (cause === "command" && startedAt >= since);
  const answer = generations.findLast(answers);
  const past = ended.findLast(answers);
  if (answer && answer === candidate(move.state)) {
    // What a reload has started is a candidate for as long as that reload runs.
    move.state = { ...move.state, reload: { askers: [...reload!.askers, ...askers] } };
  } else if (answer) {
    move.effects.push({ type: "result", askers, generation: answer, problem: null });
  } else if (past) {
    move.effects.push({ type: "result", askers, generation: past, problem: past.failure });
  }
  return answer !== undefined || past !== undefined;
}
