// The last lines that a failed candidate wrote to its stderr, where they can be read; else where to look.

import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { StatusReport } from "../../control/types.js";
import { readLink } from "../../linux/proc.js";
import type { Scope } from "../../systemd/dbus.js";
import { shellWord } from "../check/finding.js";

const LINES = 10;
const TAIL_BYTES = 16 * 1024;

/**
 * A generation's stderr is its supervisor's: the journal, a file or a terminal.
 *
 * @param candidate the pid of the failed generation's main process, which is gone
 * @param unit where it is known
 */
export function candidateOutput(status: StatusReport, candidate: number, scope?: Scope, unit?: string): string[] {
  const { pid: supervisor } = status;
  const stderr = readLink(`/proc/${supervisor}/fd/2`);
  if (stderr?.startsWith("socket:")) return fromJournal(journalMatches(status, candidate, scope, unit));
  if (stderr?.startsWith("/dev/")) return [`what it wrote is on ${stderr}`];
  const lines = stderr === undefined ? [] : fromFile(stderr);
  return lines.length > 0
    ? [`the last lines of ${stderr}:`, ...lines]
    : [`see where the supervisor (pid ${supervisor}) logs to`];
}

/** Selects the lines of that process alone: a pid comes around again, after the next boot at the latest. */
export function journalMatches(
  { now, generations }: StatusReport,
  candidate: number,
  scope?: Scope,
  unit?: string,
): { since: string[]; matches: string[] } {
  const started = generations.findLast(({ pid }) => pid === candidate)?.startedAt;
  // By how long ago, because nothing here goes by the wall clock.
  const since = started === undefined ? [] : [`--since=-${Math.ceil((now - started) / 1e6) + 1}s`];
  const field = scope === "user" ? "_SYSTEMD_USER_UNIT" : "_SYSTEMD_UNIT";
  return { since, matches: ["--boot", `_PID=${candidate}`, ...(unit === undefined ? [] : [`${field}=${unit}`])] };
}

function fromJournal({ since, matches }: ReturnType<typeof journalMatches>): string[] {
  const { stdout, status } = spawnSync(
    "journalctl",
    ["--no-pager", "--quiet", "--output=cat", `--lines=${LINES}`, ...since, ...matches],
    { encoding: "utf8", timeout: 5000 },
  );
  const lines = status === 0 ? stdout.split("\n").filter(Boolean) : [];
  if (lines.length > 0) return ["the last lines it wrote:", ...lines];
  return [`see what it wrote with: journalctl ${matches.map(shellWord).join(" ")}`];
}

function fromFile(path: string): string[] {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return [];
  }
  try {
    const file = fstatSync(fd);
    if (!file.isFile()) return [];
    const bytes = Buffer.alloc(Math.min(file.size, TAIL_BYTES));
    const length = readSync(fd, bytes, 0, bytes.length, file.size - bytes.length);
    return bytes.subarray(0, length).toString("utf8").split("\n").filter(Boolean).slice(-LINES);
  } finally {
    closeSync(fd);
  }
}
