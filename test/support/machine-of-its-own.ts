// Runs a script as root beside a system's own manager: test/system/machine.

import { execFileSync } from "node:child_process";
import { ROOT } from "./supervisor.js";

/**
 * Returns each line that the script writes; the project is at $PROJECT.
 *
 * @throws {Error} when the script fails
 */
export function onMachine(script: string): string[] {
  const command = ["bash", "-euc", `PROJECT=${ROOT.replace(/\/$/, "")}\n${script}`];
  const output = execFileSync(`${ROOT}test/system/machine`, command, { encoding: "utf8", stdio: "pipe" });
  return output.trimEnd().split("\n");
}
