// Delegate= in systemd.resource-control(5): whether systemd leaves a unit's cgroup to the unit.

import { createRequire } from "node:module";
import { basename } from "node:path";
import { native } from "../../native/index.js";

export function isUnit(directory: string): boolean {
  return directory.endsWith(".service");
}

/** Whether a unit's cgroup is ours to use. The system's manager says so in an extended attribute; a user's manager has none, and must be asked. */
export function isDelegated(directory: string, { XDG_RUNTIME_DIR }: NodeJS.ProcessEnv): boolean {
  if (["user.delegate", "trusted.delegate"].some(name => attribute(directory, name) === "1")) return true;
  return XDG_RUNTIME_DIR !== undefined && isUnit(directory) && isDelegatedByUser(basename(directory));
}

function attribute(directory: string, name: string): string | null {
  try {
    return native.xattr(directory, name);
  } catch {
    return null; // A cgroup file system that knows none.
  }
}

function isDelegatedByUser(unit: string): boolean {
  // Loaded only here, for the memory it takes.
  const { execFileSync } = createRequire(import.meta.url)("node:child_process") as typeof import("node:child_process");
  const args = ["--user", "show", "--property=Delegate", "--value", unit];
  try {
    return execFileSync("systemctl", args, { encoding: "utf8", stdio: "pipe", timeout: 5000 }).trim() === "yes";
  } catch {
    return false;
  }
}
