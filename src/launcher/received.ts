// The environment and the arguments that this process was executed with, as bytes (see systemd/bytes.ts).

import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { toBytes, toText } from "../linux/bytes.js";

/** Maps names to values. It is made without a prototype, because a variable may have any name. */
export type Variables = Readonly<Record<string, string>>;

/** The launcher puts as many bytes of base64 into a piece: the kernel takes 128 KiB for one variable. */
const PIECE = 98304;

/** Set by the launcher at the top of the command, or by init(). */
const OURS = /^ZERODOWN_(?:STAT|FILE_LIMIT|WORD|ENVIRONMENT(?:_\d+)?)$/;

/**
 * Our own Node must not find these: its options, debug log, coverage and TLS are the app's. The launcher has the same
 * list.
 */
const FOR_NODE = /^(?:NODE|OPENSSL|UV)_/;

/** In the environment of a supervisor that replaces another one: the descriptor of what that hands over. */
export const ADOPT = "ZERODOWN_ADOPT";

/** The environment as whoever started the supervisor gave it, from the copy that the launcher or init() made. */
export function receivedEnvironment(ours: NodeJS.ProcessEnv = process.env): Variables {
  const count = Number(ours.ZERODOWN_ENVIRONMENT ?? 0);
  if (!(count > 0)) return withoutOurs(executedEnvironment(ours));
  const pieces = Array.from({ length: count }, (_, index) => ours[`ZERODOWN_ENVIRONMENT_${index + 1}`] ?? "");
  return parseEnvironment(pieces.map(piece => Buffer.from(piece, "base64").toString("latin1")).join(""));
}

/** Returns what the launcher noted before Node changed it. */
export function receivedState({ ZERODOWN_FILE_LIMIT = "-1", ZERODOWN_STAT = "" }: NodeJS.ProcessEnv = process.env) {
  return { fileLimit: Number(ZERODOWN_FILE_LIMIT), ignoresSigpipe: ignoresSigpipe(ZERODOWN_STAT) };
}

/** Reads /proc/PID/stat, where the ignored signals are field 33, a decimal mask (proc_pid_stat(5)). */
function ignoresSigpipe(stat: string): boolean {
  const [, fields = ""] = /\) (.*)/.exec(stat) ?? [];
  return (Number(fields.split(" ")[33 - 3]) & (1 << (constants.signals.SIGPIPE - 1))) !== 0;
}

/**
 * Makes the environment of a supervisor without a launcher: a copy of all, without the variables meant for the app's
 * Node.
 */
export function setAside(all: Variables): Variables {
  const copy = Buffer.from(formatEnvironment(all).join("\0"), "latin1").toString("base64");
  const pieces = copy.match(new RegExp(`.{1,${PIECE}}`, "g")) ?? [""];
  const kept = Object.entries(all).filter(([name]) => !FOR_NODE.test(name) && !OURS.test(name));
  const asides = pieces.map((piece, index) => [`ZERODOWN_ENVIRONMENT_${index + 1}`, piece]);
  return fromEntries([...kept, ["ZERODOWN_ENVIRONMENT", String(pieces.length)], ...asides] as [string, string][]);
}

/** The environment that this process was executed with, whatever was set since then. */
export function executedEnvironment(now: NodeJS.ProcessEnv = process.env): Variables {
  try {
    return parseEnvironment(readFileSync("/proc/self/environ", "latin1"));
  } catch {
    // No /proc: Node's own idea of it.
    return fromEntries(Object.entries(now).map(([name, value = ""]) => [toBytes(name), toBytes(value)]));
  }
}

/** The arguments that this process was executed with; undefined where /proc doesn't show them. */
export function executedArguments(): readonly string[] | undefined {
  try {
    return readFileSync("/proc/self/cmdline", "latin1").split("\0").slice(0, -1);
  } catch {
    return undefined;
  }
}

/** `NAME=value` each, as execve(2) takes them. */
export function formatEnvironment(variables: Variables): string[] {
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

/** Turns bytes into text, which is enough for the variables that the supervisor itself heeds. */
export function readable(variables: Variables): NodeJS.ProcessEnv {
  return fromEntries(Object.entries(variables).map(([name, value]) => [toText(name), toText(value)]));
}

function parseEnvironment(bytes: string): Variables {
  const variables = fromEntries([]);
  for (const entry of bytes.split("\0")) {
    const equals = entry.indexOf("=", 1);
    // Where a name comes twice the first one counts, as for getenv(3).
    if (equals > 0) variables[entry.slice(0, equals)] ??= entry.slice(equals + 1);
  }
  return variables;
}

function withoutOurs(variables: Variables): Variables {
  return fromEntries(Object.entries(variables).filter(([name]) => !OURS.test(name)));
}

function fromEntries(entries: Iterable<readonly [string, string]>): Record<string, string> {
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}
