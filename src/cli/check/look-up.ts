// Looks for the programs that a unit names, as systemd and the launcher would.

import type { UnitProperties } from "../../systemd/dbus.js";
import { findProgram, findsNode, SYSTEMD_PATH } from "../search-path.js";
import { findZerodown, list } from "./command-line.js";

/** The programs that systemd, and the launcher that it starts, wouldn't find. */
export interface Programs {
  /** The paths, or names, of ExecStart= and ExecReload=. */
  readonly missing: readonly string[];
  /** The service's $PATH, where the launcher finds no Node; else undefined. */
  readonly pathWithoutNode: string | undefined;
}

/** @param environment the manager's own, which services get */
export function lookUp(
  service: UnitProperties,
  commands: readonly (readonly string[])[],
  environment: readonly string[],
  environmentFiles: string,
): Programs {
  // In another root we would look at the wrong files.
  if (service.RootDirectory || service.RootImage) return { missing: [], pathWithoutNode: undefined };
  const search = list(service.ExecSearchPath).join(":");
  const isHidden = (path: string) =>
    ["yes", "tmpfs"].includes(String(service.ProtectHome)) && /^\/(?:home|root|run\/user)\//.test(path);
  const find = (name: string) => findProgram(name, search || SYSTEMD_PATH, isHidden);
  const missing = commands.map(([name = ""]) => name).filter(name => find(name) === undefined);
  const [start = []] = commands;
  const zerodown = findZerodown(start, "run") === 0 ? find(start[0]!) : undefined;
  const path = pathOf(
    [...environment, ...(search ? [`PATH=${search}`] : []), ...list(service.Environment)],
    environmentFiles,
  );
  const isFound = zerodown === undefined || findsNode(zerodown, path, isHidden);
  return { missing: [...new Set(missing)], pathWithoutNode: isFound ? undefined : path };
}

function pathOf(environment: readonly string[], environmentFiles: string): string {
  const own = environment.findLast(assignment => assignment.startsWith("PATH="))?.slice("PATH=".length);
  return [...environmentFiles.matchAll(/^\s*PATH\s*=\s*["']?(.*?)["']?\s*$/gm)].at(-1)?.[1] ?? own ?? SYSTEMD_PATH;
}
