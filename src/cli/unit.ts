// zerodown unit: print a .service and a .socket for a command.

import { dirname, resolve } from "node:path";
import { parseListen } from "../linux/sockets/address.js";
import { drainLimit, startLimit } from "../machine/limits.js";
import { longestSocketPath, SOCKET_PATH_BYTES, tooLongText } from "../systemd/as-service/runtime-directory.js";
import type { Scope } from "../systemd/dbus.js";
import { releaseFiles, serviceFile, socketFile, type UnitFile, type UnitPlan } from "../systemd/formats/unit-files.js";
import { isRelative } from "./check/command.js";
import { UsageError } from "./errors.js";
import { helpText, paragraph } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import type { Values } from "./options/table.js";
import { choiceOption, parseValue, positiveOption } from "./options/values.js";
import { checkProbeName, parseRunOptions, type RunOptions, SOCKET_TYPES } from "./run/options.js";
import { findProgram, SYSTEMD_PATH } from "./search-path.js";
import { type Installation, installUnits, unitDirectory } from "./unit/install.js";
import { inNameOf, type Server } from "./unit/server.js";
import { SERVERS, WITHOUT_UNIT } from "./unit/servers.js";
import { isForRun, UNIT, UNIT_OPTIONS } from "./unit/table.js";

/** Of the services in docs/examples/servers. */
const EXAMPLE_NAME = "app";
const COMMENT_WIDTH = 100;

/** The longest of 32 bits: the user whose manager it is for isn't known here. */
const LONGEST_UID = 4_294_967_294;

export function unit(args: readonly string[]): number {
  const plan = readPlan(args);
  if (plan === null) {
    process.stdout.write(helpText(UNIT));
    return 0;
  }
  const files = filesOf(plan);
  if (plan.install)
    process.stdout.write(
      installUnits(files, plan.install)
        .map(line => `${line}\n`)
        .join(""),
    );
  else process.stdout.write(files.map(({ text }) => text).join("\n"));
  return 0;
}

/** The files that are printed for these arguments. */
export function unitFiles(args: readonly string[]): UnitFile[] {
  const plan = readPlan(args);
  return plan === null ? [] : filesOf(plan);
}

function filesOf(plan: UnitPlan): UnitFile[] {
  try {
    const { watch } = plan;
    return [serviceFile(plan), socketFile(plan), ...(watch === undefined ? [] : releaseFiles(plan, watch))];
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message, error);
    throw error;
  }
}

function readPlan(args: readonly string[]): (UnitPlan & { readonly install: Installation | undefined }) | null {
  const { values, given, operands, rest } = parseCommandLine({ ...UNIT, options: UNIT_OPTIONS }, args);
  if (values.help) return null;
  if (values.user && values.system) throw new UsageError("give one of --user and --system");
  const example = serverNamed(values.for);
  const [name = example && EXAMPLE_NAME, ...others] = operands;
  if (name === undefined) throw new UsageError("no name: zerodown unit NAME -- COMMAND");
  if (others.length > 0) {
    throw new UsageError(
      `"${others[0]}" is not expected: the command comes after --, as in zerodown unit NAME -- node`,
    );
  }

  const server = example && inNameOf(name.replace(/\.service$/, ""), example);
  const runArguments = server === undefined ? [] : optionsOf(server, given);
  const listen = [];
  for (const { name: option, value = "" } of given.filter(({ name }) => isForRun(name))) {
    const type = SOCKET_TYPES[option];
    if (type) listen.push({ option, ...parseValue(option, value, text => parseListen(type, text)) });
    else if (value.startsWith("-")) runArguments.push(`--${option}=${value}`);
    else runArguments.push(`--${option}`, value);
  }
  if (server && listen.length === 0) listen.push({ option: "listen", ...parseListen("stream", server.listen) });
  runArguments.push("--", ...(rest ?? server?.command ?? []));
  const options = parseRunOptions(runArguments)!;
  checkProbeName(
    options,
    listen.map(({ name }) => name),
  );
  for (const option of ["env-file", "working-directory", "watch"] as const) {
    const path = values[option];
    if (path !== undefined && !path.startsWith("/"))
      throw new UsageError(`--${option}: "${path}" isn't an absolute path`);
  }
  const [program = ""] = options.command;
  if (isRelative(program) && options.workingDirectory === undefined) {
    throw new UsageError(`the command "${program}" isn't an absolute path, and there is no --working-directory`);
  }
  const scope = values.user ? "user" : "system";
  return {
    name: checkName(name, scope),
    scope,
    zerodown: zerodownPath(values.zerodown),
    runArguments,
    ...socketsOf(listen, queuesOption(values.queues, options)),
    fdstoreMax: options.fdstoreMax ?? 0,
    environment: server?.environment(listen.map(({ text }) => text)) ?? [],
    comments: server === undefined ? [] : commentsOf(server),
    confines: server?.confines ?? false,
    watch: values.watch?.replace(/(?<=.)\/+$/, ""),
    path: servicePath(program, values.zerodown !== undefined),
    user: userName(values["run-as"], values.user ?? false),
    startLimit: startLimit(options),
    stopLimit: drainLimit(options),
    install: installation(values, scope),
  };
}

function serverNamed(name: string | undefined): Server | undefined {
  if (name === undefined) return undefined;
  if (Object.hasOwn(WITHOUT_UNIT, name)) {
    const { title, why } = WITHOUT_UNIT[name as keyof typeof WITHOUT_UNIT];
    throw new UsageError(`--for: no unit is printed for ${title}: ${why}`);
  }
  return SERVERS[choiceOption("for", name, SERVERS)];
}

/** Those of zerodown run that the server needs and that aren't given otherwise: each has a value. */
function optionsOf({ options }: Server, given: readonly { readonly name: string }[]): string[] {
  return options.filter((_, index) => {
    const option = options[index - (index % 2)]!;
    return !given.some(({ name }) => `--${name}` === option);
  });
}

function commentsOf({ title, notes }: Server): string[] {
  return [`What docs/servers.md says of ${title}:`, ...notes].flatMap(text => paragraph(text, COMMENT_WIDTH));
}

function installation(
  { install, directory, force }: Partial<Values<typeof UNIT_OPTIONS>>,
  scope: Scope,
): Installation | undefined {
  if (directory === "") throw new UsageError("--directory: the path is empty");
  if (install) return { scope, directory: resolve(directory ?? unitDirectory(scope)), force: force ?? false };
  const needless = directory === undefined ? force && "force" : "directory";
  if (needless) throw new UsageError(`--${needless} says how to --install`);
  return undefined;
}

/** Takes the names that systemd takes, but for characters that mean something else in a path or in RuntimeDirectory=. */
function checkName(text: string, scope: Scope): string {
  const name = text.replace(/\.service$/, "");
  if (/\.(socket|target|timer|path|mount|automount|swap|slice|scope|device)$/.test(name)) {
    throw new UsageError(`"${text}" isn't the name of a service`);
  }
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/.test(name)) {
    throw new UsageError(`"${text}" can't be the name of a unit (letters, digits, "_", "." and "-", 200 at most)`);
  }
  const runtimeDirectory = `${scope === "system" ? "/run" : `/run/user/${LONGEST_UID}`}/${name}`;
  if (longestSocketPath(runtimeDirectory) <= SOCKET_PATH_BYTES) return name;
  throw new UsageError(`"${text}" is too long a name: ${tooLongText([runtimeDirectory])}`);
}

function zerodownPath(given: string | undefined): string {
  if (given === undefined) return resolve(process.argv[1]!);
  if (given.startsWith("/")) return given;
  throw new UsageError(`--zerodown: "${given}" isn't an absolute path`);
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
  throw new UsageError(`--run-as: "${user}" isn't the name of a user`);
}

function queuesOption(value: string, { sharesQueues, workers }: RunOptions): number {
  const queues = positiveOption("queues", value);
  if (queues === 1 || (sharesQueues && queues <= workers)) return queues;
  throw new UsageError(`--queues ${queues}: each takes a worker: give --workers ${queues} or more`);
}

/** @param queues how often each address is listened on */
function socketsOf(
  listen: readonly (ReturnType<typeof parseListen> & { option: string })[],
  queues: number,
): Pick<UnitPlan, "sockets" | "socketName"> {
  if (listen.length === 0) {
    throw new UsageError("no socket: --listen says where; what the app binds itself, its next generation can't bind");
  }
  const isUnix = ({ address }: (typeof listen)[number]) => address.family === "unix";
  for (const [index, { option, type, text, address }] of listen.entries()) {
    if (listen.slice(0, index).some(other => other.type === type && other.text === text)) {
      throw new UsageError(
        `--${option}: "${text}" is there twice; --queues says how many accept queues an address has`,
      );
    }
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
  if (queues > 1 && listen.every(isUnix)) throw new UsageError("--queues: a unix socket has one");
  const sockets = listen.flatMap(socket => {
    const { type, text } = socket;
    return Array.from({ length: isUnix(socket) ? 1 : queues }, () => ({ type, address: text }));
  });
  return { sockets, socketName: names[0] };
}
