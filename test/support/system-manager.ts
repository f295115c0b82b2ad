// Runs a script as root beside a system's own manager: test/system/system-manager.

import { execFileSync } from "node:child_process";
import { ROOT } from "./supervisor.js";

/**
 * Returns each line that the script writes; the project is at $PROJECT.
 *
 * @throws {Error} when the script fails
 */
export function besideSystemManager(script: string): string[] {
  const command = ["bash", "-euc", `PROJECT=${ROOT.replace(/\/$/, "")}\n${script}`];
  const output = execFileSync(`${ROOT}test/system/system-manager`, command, { encoding: "utf8", stdio: "pipe" });
  return output.trimEnd().split("\n");
}
