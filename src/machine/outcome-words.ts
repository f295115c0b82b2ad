// How a process ended, and why it was killed, in words.

import { formatTimeSpan } from "../systemd/formats/time-span.js";
import type { Doom, Outcome } from "./outcome.js";
import { endText, probeFailureText, probeHint, probeName } from "./probe-words.js";

/** Says how a process ended: "exited with status 1 before it was ready". */
export function outcomeText(outcome: Outcome): string {
  const when = { starting: " before it was ready", settling: " while it settled", serving: "", draining: "" }[
    outcome.state
  ];
  const said = outcome.reported || (outcome.lastStatus && `its last status: ${outcome.lastStatus}`);
  const reason = said && ` (${said})`;
  switch (outcome.kind) {
    case "spawn":
      return `could not be started: ${outcome.error}`;
    case "exit":
    case "signal":
      return `${endText(outcome)}${when}${reason}`;
    case "watchdog": {
      const end = outcome.killed ? "did not end at SIGABRT" : endText(outcome.end);
      return `${doomText(outcome)}${when} and ${end}${reason}`;
    }
    default:
      return `${doomText(outcome)}${reason}`;
  }
}

export function doomText(doom: Doom): string {
  switch (doom.kind) {
    case "cancelled":
      return "was aborted";
    case "start-timeout":
      return `was not ready within ${formatTimeSpan(doom.limit)} and was killed`;
    case "probe": {
      const why = `${probeFailureText(doom.failure)}${probeHint(doom.probe, doom.failure)}`;
      return `failed its probe ${probeName(doom.probe)} (${why}) and was killed`;
    }
    case "probe-timeout":
      return `did not pass its probe ${probeName(doom.probe)} within ${formatTimeSpan(doom.limit)} and was killed`;
    case "hidden":
      return `can't be told to accept, because process ${doom.pids.join(", ")} may not be looked into, and was killed`;
    case "watchdog":
      return doom.timeout === null
        ? "triggered its watchdog"
        : `missed its watchdog of ${formatTimeSpan(doom.timeout)}`;
    case "stop-timeout":
      return "did not stop in time and was killed";
    case "interrupted":
      return "was killed by a second Ctrl-C";
  }
}
