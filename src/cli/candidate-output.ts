// The last lines that a failed candidate wrote to its stderr, where they can be read; else where to look.

import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readlinkSync, readSync } from "node:fs";

const LINES = 10;
const TAIL_BYTES = 16 * 1024;

/**
 * A generation's stderr is its supervisor's: the journal, a file or a terminal.
 *
 * @param supervisor the supervisor's pid
 * @param candidate the main process of the failed generation, which is gone
 */
export function candidateOutput(supervisor: number, candidate: number): string[] {
  const stderr = readLink(`/proc/${supervisor}/fd/2`);
  if (stderr?.startsWith("socket:")) return fromJournal(candidate);
  if (stderr?.startsWith("/dev/")) return [`what it wrote is on ${stderr}`];
  const lines = stderr === undefined ? [] : fromFile(stderr);
  return lines.length > 0
    ? [`the last lines of ${stderr}:`, ...lines]
    : [`see where the supervisor (pid ${supervisor}) logs to`];
}

function fromJournal(pid: number): string[] {
  const match = `_PID=${pid}`;
  const { stdout, status } = spawnSync(
    "journalctl",
    ["--no-pager", "--quiet", "--output=cat", `--lines=${LINES}`, match],
    {
      encoding: "utf8",
      timeout: 5000,
    },
  );
  const lines = status === 0 ? stdout.split("\n").filter(Boolean) : [];
  return lines.length > 0 ? ["the last lines it wrote:", ...lines] : [`see what it wrote with: journalctl ${match}`];
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

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
