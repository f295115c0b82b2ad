// Tells the supervisor which error ends this process, so that an operator finds it in the unit's status.

import { notify } from "./ready.js";
import { isChild } from "./role.js";

let isArmed = false;

/** Makes the error that nobody catches the STATUS=. */
export function sayLastWords(): void {
  if (isArmed || !isChild()) return;
  isArmed = true;
  process.on("uncaughtExceptionMonitor", error => {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    notify(`STATUS=${name}: ${message}`);
  });
}
