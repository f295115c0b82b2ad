// What D-Bus doesn't tell of a unit, from its files.

import { readFileSync } from "node:fs";
import type { UnitProperties } from "../systemd/dbus.js";

/** @returns the value of a setting as the last line has it that assigns it; undefined where none does, or none can be read */
export function fileSetting({ FragmentPath, DropInPaths }: UnitProperties, name: string): string | undefined {
  const text = [FragmentPath, ...((DropInPaths ?? []) as string[])]
    .map(path => readText(String(path ?? "")))
    .join("\n");
  return [...text.matchAll(new RegExp(`^\\s*${name}\\s*=(.*)$`, "gm"))].at(-1)?.[1]?.trim();
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
