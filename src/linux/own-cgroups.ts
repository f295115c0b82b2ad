// The cgroups that this process is in.

import { readFileSync } from "node:fs";

const ROOT = "/sys/fs/cgroup";

/** Its own and those around it, the outermost first, as /proc/PID/cgroup has them. */
export function ownCgroups(): string[] {
  const [, path = "/"] = /^0::(.*)$/m.exec(readText("/proc/self/cgroup")) ?? [];
  const names = path.split("/").filter(Boolean);
  return names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`);
}

/** The text of a file of one; "" where it has none of that name. */
export function readCgroup(cgroup: string, file: string): string {
  return readText(`${ROOT}${cgroup}/${file}`);
}

/** "" for what isn't there, or hidden from us. */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
