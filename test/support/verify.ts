// systemd-analyze verify, of units of ours: the rest of the machine may have faults of its own.

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

export type Scope = "--user" | "--system";

/** Where the sandbox's units of that scope are. */
const DIRECTORIES = { "--user": `${process.env.XDG_CONFIG_HOME}/systemd/user`, "--system": "/run/systemd/system" };

/**
 * The lines about these unit files, and about drop-ins for them.
 *
 * @throws {Error} when it fails, and that isn't about them
 */
export function verify(scope: Scope, ...files: readonly string[]): string[] {
  const { status, stderr } = spawnSync("systemd-analyze", [scope, "--man=no", "verify", ...files], {
    encoding: "utf8",
    timeout: 60_000,
  });
  // systemd-analyze gives a template an instance. Lines on hello.service begin "hello.service:", "/…/hello.service:" or
  // "/…/hello.service.d/".
  const names = files.map(file => basename(file).replaceAll(".", "\\.").replace("@", "@[^/]*"));
  const ours = new RegExp(`^(?:\\S*/)?(?:${names.join("|")})(?:\\.d/|:)`);
  const lines = stderr.split("\n").filter(line => ours.test(line));
  if (status !== 0 && lines.length === 0) throw new Error(`systemd-analyze: exit status ${status}\n${stderr}`);
  return lines;
}

/** Installs a unit that has faults, and that every service waits for. */
export function installFaultyUnit(scope: Scope): { remove: () => void } {
  const directory = DIRECTORIES[scope];
  const wants = `${directory}/basic.target.wants`;
  mkdirSync(wants, { recursive: true });
  const [unit, link] = [`${directory}/faulty.service`, `${wants}/faulty.service`];
  writeFileSync(unit, "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/nowhere\nNoSuchThing=yes\n");
  symlinkSync(unit, link);
  return {
    remove: () => {
      for (const file of [link, unit]) rmSync(file);
    },
  };
}
