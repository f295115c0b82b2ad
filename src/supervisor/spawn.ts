// Starts a child. When arguments and environment are too large for execve(2), the error says what is too large,
// so that it can be cured.

import { toText } from "../linux/bytes.js";
import { type NativeError, native, type SpawnOptions } from "../native/index.js";

/** Each of them ends with this byte. */
const NUL = 1;

/** @throws {NativeError} */
export function spawn(options: SpawnOptions): { pid: number; pidfd: number } {
  try {
    return native.spawn(options);
  } catch (error) {
    const { code, message } = error as NativeError;
    throw code === "E2BIG" ? Object.assign(new Error(`${message}: ${explain(options)}`), { code }) : error;
  }
}

/** The kernel speaks of an argument list, but it is nearly always the environment. */
function explain({ argv, environment }: SpawnOptions): string {
  const strings = [...argv, ...environment];
  const longest = strings.reduce((one, other) => (other.length > one.length ? other : one));
  // The name of a variable; its value may be a secret.
  const name = toText(environment.includes(longest) ? longest.replace(/=.*/s, "") : `"${longest.slice(0, 40)}…"`);
  const all = strings.reduce((sum, text) => sum + text.length + NUL, 0);
  return (
    `arguments and environment have ${all} bytes, ${name} the most with ${longest.length + NUL}; ` +
    "Linux takes 131072 each, and in all a quarter of LimitSTACK=, but at most 6 MiB"
  );
}
