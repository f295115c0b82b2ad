// The log lines about probes and dry runs; words.ts has the others.

import { formatTimeSpan } from "../systemd/formats/time-span.js";
import type { Named } from "./outcome.js";
import { type Actor, namedActor } from "./state.js";
import { name, readyAfter } from "./words.js";

export function probingLine(actor: Actor, microseconds: number): string {
  return `${name(namedActor(actor))} ${readyAfter(microseconds)}: probing it`;
}

export function tryingLine(who: Named): string {
  return `dry run: ${name(who)} gets no socket of the service`;
}

export function triedLine(actor: Actor, microseconds: number): string {
  return `dry run: ${name(namedActor(actor))} would serve: ${readyAfter(microseconds)}. Ending it`;
}

export function trialFailedLine(age: number, end: string): string {
  return `dry run failed after ${formatTimeSpan(age)}: ${end}`;
}

export function trialOvertakenLine(who: Named): string {
  return `reload asked for while ${name(who)} is tried: that is aborted`;
}
