// How processes and probes end, in the words that words.ts uses.

import { printable } from "../systemd/formats/printable.js";
import type { End, ProbeFailure } from "./outcome.js";

/** A command may be a whole script, and STATUS= must hold its name beside all else. */
const LONGEST_NAME = 100;
const LONGEST_LINE = 300;

export function probeName(probe: string): string {
  return `"${clip(probe, LONGEST_NAME)}"`;
}

export function endText(end: End): string {
  return "signal" in end ? `was killed by ${end.name}` : `exited with status ${end.status}`;
}

/** "exited with status 22: no such table" */
export function probeFailureText(failure: ProbeFailure): string {
  switch (failure.kind) {
    case "ended":
      return `${endText(failure.end)}${failure.lastLine && `: ${clip(failure.lastLine, LONGEST_LINE)}`}`;
    case "answered":
      return `answered with ${clip(failure.answer, LONGEST_LINE)}`;
    case "error":
      return clip(failure.error, LONGEST_LINE);
  }
}

/** For whoever meant to ask by HTTP: a shell finds no command in "/health", and may not execute a directory. */
export function probeHint(probe: string, failure: ProbeFailure): string {
  const isNoCommand = failure.kind === "ended" && "status" in failure.end && [126, 127].includes(failure.end.status);
  return isNoCommand && /^\/\S*$/.test(probe) ? `; to ask it by HTTP: --probe http:${clip(probe, LONGEST_NAME)}` : "";
}

function clip(text: string, length: number): string {
  const line = printable(text).trim().replace(/\s+/g, " ");
  return line.length > length ? `${line.slice(0, length)}…` : line;
}
