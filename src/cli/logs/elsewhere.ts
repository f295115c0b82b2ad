// Where a unit's log is, if that isn't the journal.

import type { UnitProperties } from "../../systemd/dbus.js";
import { fileSetting } from "../unit-settings.js";

/** What of StandardError= reaches the journal. */
const JOURNALLED = /^(?:journal|kmsg|syslog)/;

/** @returns the assignment that says where, as the unit's files have it; undefined where the journal has it */
export function logElsewhere(properties: UnitProperties): string | undefined {
  const name = properties.StandardError === "inherit" ? "StandardOutput" : "StandardError";
  const kind = String(properties[name] ?? "journal");
  // systemd tells of the kind alone, and not which file.
  return JOURNALLED.test(kind) ? undefined : `${name}=${fileSetting(properties, name) ?? kind}`;
}
