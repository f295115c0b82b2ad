// Whether the optional package sd-notify can be tried: it is built for the Node that installed it.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { ROOT } from "./supervisor.js";

/** Where CI says so the package must be there: then a test that misses it fails. */
export function hasSdNotify(): boolean {
  const isThere = existsSync(`${ROOT}node_modules/sd-notify/build/Release/notify.node`);
  if (!isThere) return process.env.CI === "true";
  try {
    createRequire(`${ROOT}package.json`)("sd-notify");
    return true;
  } catch (error) {
    if (!/NODE_MODULE_VERSION/.test((error as Error).message)) throw error;
    console.log(`left out: sd-notify was built for another Node than ${process.version}`);
    return false;
  }
}
