// How a process ended, as the control interface gives it.

import type { Outcome } from "../machine/outcome.js";
import { probeFailureText } from "../machine/probe-words.js";
import type { OutcomeReport } from "./types.js";

export function reportOutcome(outcome: Outcome): OutcomeReport {
  const { kind, state, reported, lastStatus } = outcome;
  return {
    kind,
    state,
    ...reportEnd(outcome),
    ...reportLimit(outcome),
    ...reportProbe(outcome),
    ...(reported ? { reported } : {}),
    ...(lastStatus ? { lastStatus } : {}),
  };
}

function reportEnd(outcome: Outcome): Pick<OutcomeReport, "status" | "signal" | "error"> {
  if (outcome.kind === "spawn") return { error: outcome.error };
  const end = "end" in outcome ? outcome.end : outcome;
  return "name" in end ? { signal: end.name } : { status: end.status };
}

function reportLimit(outcome: Outcome): Pick<OutcomeReport, "limit" | "killed"> {
  if (outcome.kind === "start-timeout" || outcome.kind === "probe-timeout") return { limit: outcome.limit };
  if (outcome.kind !== "watchdog") return {};
  const { timeout, killed } = outcome;
  return { killed, ...(timeout === null ? {} : { limit: timeout }) };
}

function reportProbe(outcome: Outcome): Pick<OutcomeReport, "probe" | "error"> {
  if (outcome.kind === "probe-timeout") return { probe: outcome.probe };
  return outcome.kind === "probe" ? { probe: outcome.probe, error: probeFailureText(outcome.failure) } : {};
}
