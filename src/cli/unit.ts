// zerodown unit: print a .service and a .socket for a command.

import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseListen } from "../linux/sockets/address.js";
import { startLimit } from "../machine/limits.js";
import { longestSocketPath, SOCKET_PATH_BYTES, tooLongText } from "../systemd/as-service/runtime-directory.js";
import type { Scope } from "../systemd/dbus.js";
import { serviceFile, socketFile, type UnitPlan } from "../systemd/formats/unit-files.js";
import { isRelative } from "./check/command.js";
import { parseArguments, parseValue, UsageError } from "./options.js";
import { parseRunOptions, RUN_OPTIONS, SOCKET_TYPES } from "./run/options.js";
import { findProgram, SYSTEMD_PATH } from "./search-path.js";

export const UNIT_HELP = `Usage: zerodown unit [options] NAME -- COMMAND [ARG…]

Prints NAME.service and NAME.socket for COMMAND, each below a comment with the path it belongs to. COMMAND is looked up
and started as in the service, so give full paths, or --working-directory.

  --listen [NAME=]ADDR  what the .socket unit listens on: 8080, 127.0.0.1:8080, [::1]:8080, /run/app.sock, @abstract;
                        repeatable, also as --listen-datagram and --listen-seqpacket; one NAME for all
  --run-as USER         User= of the service
  --user, --system      for which manager the units are (default: --system)
  --zerodown PATH       the command zerodown there (default: the one that runs now)
  --help                this text

All other options of zerodown run are passed on to it: --ready, --start-timeout, --stop-signal, --env-file …

Exit status: 0, or 64 for wrong usage

Example
  zerodown unit app --listen 8080 --run-as app -- /usr/bin/node /srv/app/server.js
`;

const OPTIONS = {
  ...RUN_OPTIONS,
  "run-as": { type: "string" },
  user: { type: "boolean" },
  system: { type: "boolean" },
  zerodown: { type: "string" },
} as const;
/** Of 32 bits: whose manager it is for isn't known here. */
const LONGEST_UID = 4_294_967_294;
const OWN = new Set(["run-as", "user", "system", "zerodown", "help"]);

export function unit(args: readonly string[]): number {
  const plan = readPlan(args);
  if (plan === null) {
    process.stdout.write(UNIT_HELP);
    return 0;
  }
  try {
    process.stdout.write([serviceFile(plan).text, socketFile(plan).text].join("\n"));
    return 0;
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

function readPlan(args: readonly string[]): UnitPlan | null {
  const { values, tokens, positionals } = parseArguments("unit", () =>
    parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, tokens: true }),
  );
  if (values.help) return null;
  if (values.user && values.system) throw new UsageError("give one of --user and --system");
  const dashes = tokens.find(token => token.kind === "option-terminator")?.index ?? args.length;
  const command = args.slice(dashes + 1);
  const [name, ...others] = positionals.slice(0, positionals.length - command.length);
  if (name === undefined) throw new UsageError("no name: zerodown unit NAME -- COMMAND");
  if (others.length > 0) {
    throw new UsageError(
      `"${others[0]}" is not expected: the command comes after --, as in zerodown unit NAME -- node`,
    );
  }

  const runArguments: string[] = [];
  const listen = [];
  for (const token of tokens) {
    if (token.kind !== "option" || OWN.has(token.name)) continue;
    const { name: option, value = "" } = token;
    const type = SOCKET_TYPES[option];
    if (type) listen.push({ option, ...parseValue(option, value, text => parseListen(type, text)) });
    else if (value.startsWith("-")) runArguments.push(`--${option}=${value}`);
    else runArguments.push(`--${option}`, value);
  }
  runArguments.push("--", ...command);
  const options = parseRunOptions(runArguments)!;
  for (const option of ["env-file", "working-directory"] as const) {
    const path = values[option];
    if (path !== undefined && !path.startsWith("/")) throw new UsageError(`--${option}: "${path}" is no absolute path`);
  }
  const [program = ""] = options.command;
  if (isRelative(program) && options.workingDirectory === undefined) {
    throw new UsageError(`the command "${program}" is no absolute path, and there is no --working-directory`);
  }
  const scope = values.user ? "user" : "system";
  return {
    name: unitName(name, scope),
    scope,
    zerodown: zerodownPath(values.zerodown),
    runArguments,
    ...readSockets(listen),
    fdstoreMax: options.fdstoreMax ?? 0,
    path: servicePath(program, values.zerodown !== undefined),
    user: userName(values["run-as"], values.user ?? false),
    startLimit: startLimit(options),
    stopLimit: options.stopTimeout,
  };
}

/** What systemd takes, but for what means something else in a path or in RuntimeDirectory=. */
function unitName(text: string, scope: Scope): string {
  const name = text.replace(/\.service$/, "");
  if (/\.(socket|target|timer|path|mount|automount|swap|slice|scope|device)$/.test(name)) {
    throw new UsageError(`"${text}" is no name of a service`);
  }
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/.test(name)) {
    throw new UsageError(`"${text}" is no name for a unit (letters, digits, "_", "." and "-", 200 at most)`);
  }
  const runtimeDirectory = `${scope === "system" ? "/run" : `/run/user/${LONGEST_UID}`}/${name}`;
  if (longestSocketPath(runtimeDirectory) <= SOCKET_PATH_BYTES) return name;
  throw new UsageError(`"${text}" is too long a name: ${tooLongText([runtimeDirectory])}`);
}

function zerodownPath(given: string | undefined): string {
  if (given === undefined) return resolve(process.argv[1]!);
  if (given.startsWith("/")) return given;
  throw new UsageError(`--zerodown: "${given}" is no absolute path`);
}

/**
 * The $PATH with which the service finds Node, and its command, as we do; undefined where the manager's own does.
 *
 * @param isElsewhere whether the units are for another installation
 */
function servicePath(program: string, isElsewhere: boolean): string | undefined {
  if (isElsewhere) return undefined;
  const theirs = program.includes("/") ? undefined : findProgram(program, process.env.PATH ?? "");
  const needed = new Map([
    ["node", process.execPath],
    ...(theirs === undefined ? [] : ([[program, resolve(theirs)]] as const)),
  ]);
  const missing = [...needed].filter(([name]) => findProgram(name, SYSTEMD_PATH) === undefined);
  if (missing.length === 0) return undefined;
  return [...new Set(missing.map(([, path]) => dirname(path))), SYSTEMD_PATH].join(":");
}

function userName(user: string | undefined, isUserManager: boolean): string | undefined {
  if (user === undefined) return undefined;
  if (isUserManager) throw new UsageError("--run-as: a user's manager runs everything as that user");
  if (/^(?:[A-Za-z_][A-Za-z0-9_.-]{0,30}|\d+)$/.test(user)) return user;
  throw new UsageError(`--run-as: "${user}" is no name of a user`);
}

function readSockets(
  listen: readonly (ReturnType<typeof parseListen> & { option: string })[],
): Pick<UnitPlan, "sockets" | "socketName"> {
  if (listen.length === 0) {
    throw new UsageError("no socket: --listen says where; what the app binds itself, its next generation can't bind");
  }
  for (const { option, text, address } of listen) {
    if (address.family !== "unix" && address.port === 0)
      throw new UsageError(`--${option}: a unit needs a port, not 0`);
    if (address.family === "unix" && Buffer.byteLength(address.name) > SOCKET_PATH_BYTES) {
      throw new UsageError(
        `--${option}: "${text}" is longer than the ${SOCKET_PATH_BYTES} bytes that the name of a socket may have`,
      );
    }
  }
  const names = [...new Set(listen.map(({ name }) => name))];
  if (names.length > 1) {
    throw new UsageError(
      `--listen: all sockets of one .socket unit have the same name, not ${names.map(name => name ?? "none").join(" and ")}`,
    );
  }
  return { sockets: listen.map(({ type, text }) => ({ type, address: text })), socketName: names[0] };
}
