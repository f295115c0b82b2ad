// What the scripts of all shells complete, from the commands' tables.

import { constants } from "node:os";
import type { Completes, Option } from "../options/table.js";

/** The signals that an option may name. */
export const SIGNALS: readonly string[] = Object.keys(constants.signals).filter(
  name => name !== "SIGKILL" && name !== "SIGSTOP",
);

/** The values that an option may have, where they are few. */
export function choicesOf({ choices = {}, completes }: Option): readonly string[] {
  if (completes === "signal") return SIGNALS;
  // "delay:TIME" is completed up to its time.
  return Object.keys(choices).map(choice => choice.replace(/:.*/, ":"));
}

/** What else is completed as an option's value. */
export function kindOf({ value, completes }: Option): Completes | "text" | "none" {
  if (value === undefined) return "none";
  return completes ?? "text";
}
