// Installs units for a test in the sandbox's own `systemd --user`, and asks systemctl.

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ZERODOWN } from "./supervisor.js";

export const UNITS = `${process.env.XDG_CONFIG_HOME}/systemd/user`;

export interface Output {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function command(path: string, ...args: string[]): Output {
  const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8", timeout: 60_000 });
  return { status, stdout, stderr };
}

export function systemctl(...args: string[]): Output {
  return command("systemctl", "--user", ...args);
}

export function zerodown(...args: string[]): Output {
  return command(ZERODOWN, ...args);
}

/** Returns the value of one property of a unit, as systemctl shows it. */
export function property(unit: string, name: string): string {
  return systemctl("show", unit, `--property=${name}`, "--value").stdout.trim();
}

const installed = new Set<string>();

/** Writes files below the directory of units, by name ("app.service", "app.service.d/fix.conf"), and has them read. */
export function installUnits(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(`${UNITS}/${name}`), { recursive: true });
    writeFileSync(`${UNITS}/${name}`, text);
    installed.add(name);
  }
  systemctl("daemon-reload");
}

/** For afterEach: nothing that was installed runs on or is found again. */
export function removeUnits(): void {
  const units = [...installed].filter(name => !name.includes("/") && !name.includes("@."));
  if (units.length > 0) systemctl("kill", "--signal=KILL", ...units);
  if (units.length > 0) systemctl("stop", ...units);
  for (const name of installed) rmSync(`${UNITS}/${name.replace(/\/.*/, "")}`, { recursive: true, force: true });
  installed.clear();
  systemctl("daemon-reload");
  if (units.length > 0) systemctl("reset-failed", ...units);
}
