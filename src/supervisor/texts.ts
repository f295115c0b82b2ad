// The words for the log and for STATUS=.

import { formatTimeSpan } from "../systemd/time-span.js";
import { type Config, candidate, type End, type Generation, type State, serving } from "./model.js";

/** How many of a list are named. systemd drops a message longer than 4096 bytes, and a READY=1 that is in it. */
const NAMED = 20;

/** What `systemctl status` shows. */
export function statusText(state: State): string {
  const waiting = list(state.generations.map(name));
  if (state.phase !== "running") return waiting ? `${state.problem}: waiting for ${waiting}` : state.problem;
  const starting = candidate(state);
  const current = serving(state);
  const problem = state.problem && `${state.problem}. `;
  if (starting?.state === "starting") return `${problem}Starting generation ${starting.number}`;
  if (!current) return `${problem}Starting generation ${state.lastNumber + 1}`;
  if (current.dying) return `${problem}${capital(name(current))} has ended: waiting for what it has left`;
  if (current.aborted) return `${problem}${capital(name(current))} ${current.aborted}: waiting for its end`;
  if (problem) return `${problem}${capital(name(current))} still serving`;
  const status = current.status && `: ${current.status}`;
  const settling = starting ? `; settling: generation ${starting.number}` : "";
  const draining = state.generations.filter(generation => generation.state === "draining");
  const rest = draining.length > 0 ? `; draining: generation ${list(draining.map(({ number }) => number))}` : "";
  return `${capital(name(current))} serving${status}${settling}${rest}`;
}

function list(items: readonly (string | number)[]): string {
  const more = items.length - NAMED;
  return items.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** For whoever put an app here that knows no sd_notify(3). */
export function hintText(generation: Generation, config: Config, after: number): string {
  const waits = `after ${formatTimeSpan(after)}; --start-timeout is ${formatTimeSpan(config.startTimeout)}`;
  if (config.ready === "fd") return `${name(generation)} has not written a newline to $ZERODOWN_READY_FD ${waits}`;
  return (
    `${name(generation)} has not sent READY=1 to its $NOTIFY_SOCKET ${waits}. ` +
    "If it knows no sd_notify(3), use --ready exec, --ready delay:TIME or --ready fd"
  );
}

/** For whoever put an app here that leaves its service to a process in the background. */
export function daemonText(generation: Generation): string {
  return (
    `${name(generation)} has exited with status 0 before it was ready. Does it daemonize? ` +
    'It must stay in the foreground: without -D, with -F or "daemon off;", podman run without -d'
  );
}

export function name({ number, pid }: Pick<Generation, "number" | "pid">): string {
  return pid === null ? `generation ${number}` : `generation ${number} (pid ${pid})`;
}

/** What a generation did when it ended: "exited with status 1 before it was ready". */
export function failureText(generation: Generation, end: End, asAsked: boolean): string {
  const { state, killed, cancelled, deadline, startedAt, aborted } = generation;
  // Of one that never served, what it said last may be why.
  const said = generation.status && /starting|settling/.test(state) && `its last status: ${generation.status}`;
  const reported = [generation.reported || said]
    .filter(Boolean)
    .map(text => ` (${text})`)
    .join("");
  const when = { starting: " before it was ready", settling: " while it settled", serving: "", draining: "" }[state];
  if (cancelled) return `was aborted${reported}`;
  if (aborted) return `${aborted}${when} and ${killed ? "did not end at SIGABRT" : endText(end)}${reported}`;
  if (killed && state === "starting") {
    return `was not ready within ${formatTimeSpan(deadline - startedAt)} and was killed${reported}`;
  }
  if (killed && !asAsked) return `did not stop in time and was killed${reported}`;
  return `${endText(end)}${when}${reported}`;
}

function endText(end: End): string {
  return "signal" in end ? `was killed by ${end.name}` : `exited with status ${end.status}`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
