// The kernel's limits of inotify(7), in words.

import { readFileSync } from "node:fs";

const LIMITS: Record<string, readonly [file: string, what: string, enough: number]> = {
  ENOSPC: ["max_user_watches", "directories are watched by this user", 524_288],
  EMFILE: ["max_user_instances", "programs of this user watch directories", 1024],
};

/** Which limit is reached, and how to raise it; else what the system says. */
export function explainLimit({ code = "", message }: NodeJS.ErrnoException): string {
  const limit = LIMITS[code];
  if (!limit) return message;
  const [file, what, enough] = limit;
  const now = Number(readFileSync(`/proc/sys/fs/inotify/${file}`, "utf8"));
  const more = Math.max(enough, 2 * now);
  return `as many ${what} as the kernel allows (${now}): name fewer, or, as root: sysctl fs.inotify.${file}=${more}`;
}
