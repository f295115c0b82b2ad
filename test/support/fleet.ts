// Runs a script on an operator's machine that reaches three hosts by ssh: test/system/fleet.

import { execFileSync } from "node:child_process";
import { ROOT } from "./supervisor.js";

/** The hosts' addresses. */
export const HOSTS = ["192.0.2.11", "192.0.2.12", "192.0.2.13"] as const;

/**
 * Returns each line that the script writes; the project is at $PROJECT.
 *
 * @param setup runs on each host before
 * @throws {Error} when the script fails
 */
export function besideFleet(setup: string, script: string): string[] {
  const args = [setup, `PROJECT=${ROOT.replace(/\/$/, "")}\n${script}`];
  const output = execFileSync(`${ROOT}test/system/fleet`, args, { encoding: "utf8", stdio: "pipe" });
  return output.trimEnd().split("\n");
}
