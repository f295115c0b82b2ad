// Reloads: who asked, and which generation answers.

import type { ReloadRequest } from "./events.js";
import { extension, SAME_REQUEST, startLimit } from "./limits.js";
import { log, type Move, tell } from "./move.js";
import { startGeneration } from "./start.js";
import { candidate, type Generation, type Pending, serving } from "./state.js";
import { NEVER, setOwnTimer } from "./timers.js";
import { overtakeTrial } from "./trial.js";
import { oneMoreLine, SAME_REQUEST_LINE } from "./words.js";

/** What is to be started: what serves now (`same`), the release of a rollback, or what is on disk. */
type Wish = Pick<ReloadRequest, "same" | "release">;

/** @returns whether the candidate is to be aborted for it */
export function requestReload(move: Move, { asker, since, replace, same, release }: ReloadRequest): boolean {
  const askers = asker === null ? [] : [asker];
  const starting = candidate(move.state);
  if (move.state.phase !== "running") {
    move.effects.push({ type: "result", askers, generation: null, problem: { kind: "stopping" } });
  } else if (since !== null && isAnswered(move, askers, since, same)) {
    log(move, "debug", SAME_REQUEST_LINE);
  } else if (starting) {
    // Its code may be older than the request: one more reload follows, for all who ask meanwhile.
    if (!move.state.pending) log(move, "info", oneMoreLine(starting));
    move.state = { ...move.state, pending: join(move, { askers, same, release }) };
    return replace;
  } else {
    beginReload(move, askers, { same, release });
  }
  return false;
}

/** All who wait are for one reload. Of a reload and a rollback the one counts that was asked for last. */
function join(move: Move, last: Pending): Pending {
  const { pending } = move.state;
  if (!pending) return last;
  if (pending.release === last.release) {
    // Who wants what is on disk is not to get less than that.
    return { ...last, askers: [...pending.askers, ...last.askers], same: last.same && pending.same };
  }
  move.effects.push({
    type: "result",
    askers: pending.askers,
    generation: null,
    problem: { kind: "overtaken" },
  });
  return last;
}

/** Begins the reload that was asked for while another one ran, if there is one. */
export function startPending(move: Move): void {
  const { pending } = move.state;
  if (!pending) return;
  move.state = { ...move.state, pending: null };
  beginReload(move, pending.askers, pending);
}

function beginReload(move: Move, askers: readonly number[], { same, release }: Wish): void {
  setOwnTimer(move, "restart", NEVER);
  overtakeTrial(move);
  // STATUS= keeps the reason why nothing serves until something does.
  const problem = serving(move.state) ? null : move.state.problem;
  move.state = { ...move.state, reload: { askers }, problem };
  const asked = askers.length > 0 ? "command" : "signal";
  startGeneration(move, release === null ? asked : "rollback", release ?? (same ? move.state.release : null));
  const patience = extension(startLimit(move.config));
  if (move.state.announced) tell(move, "RELOADING=1", `MONOTONIC_USEC=${Math.floor(move.now)}`, patience);
  else tell(move, patience);
}

/** Whether a generation that was started since answers the request: then it has, or will have, that one's result. */
function isAnswered(move: Move, askers: readonly number[], since: number, same: boolean): boolean {
  const { reload, generations, ended } = move.state;
  const answers = ({ cause, startedAt, fromDisk }: Generation) =>
    (same || fromDisk) &&
    ((cause === "signal" && startedAt >= since - SAME_REQUEST) || (cause === "command" && startedAt >= since));
  const answer = generations.findLast(answers);
  const past = ended.findLast(answers);
  if (answer && answer === candidate(move.state)) {
    // A reload's generation stays a candidate for as long as that reload runs.
    move.state = { ...move.state, reload: { askers: [...reload!.askers, ...askers] } };
  } else if (answer) {
    move.effects.push({ type: "result", askers, generation: answer, problem: answer.failure });
  } else if (past) {
    move.effects.push({ type: "result", askers, generation: past, problem: past.failure });
  }
  return answer !== undefined || past !== undefined;
}
