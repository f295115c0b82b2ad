// Runs a script as root beside a system's own manager: test/system/system-manager.

import { spawnSync } from "node:child_process";
import { ROOT } from "./supervisor.js";

/**
 * Returns each line that the script writes; the project is at $PROJECT.
 *
 * @throws {Error} when the script fails, with what it had written
 */
export function besideSystemManager(script: string): string[] {
  const command = ["bash", "-euc", `PROJECT=${ROOT.replace(/\/$/, "")}\n${script}`];
  const { status, stdout, stderr } = spawnSync(`${ROOT}test/system/system-manager`, command, { encoding: "utf8" });
  if (status !== 0) throw new Error(`exit status ${status}:\n${stdout}${stderr}`);
  return stdout.trimEnd().split("\n");
}
