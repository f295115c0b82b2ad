// The log lines of the library itself.

import type { Priority } from "../machine/effects.js";

/** Takes one line; "err", "warning", "notice", "info" and "debug" are syslog's priorities. */
export type Logger = (priority: Priority, text: string) => void;

let logger: Logger = (priority, text) => {
  if (priority !== "debug") process.stderr.write(`zerodown: ${text}\n`);
};

export function setLogger(given: Logger): void {
  if (typeof given !== "function") throw new TypeError("logger: it isn't a function");
  logger = given;
}

export function say(priority: Priority, text: string): void {
  logger(priority, text);
}
