// init(): the process that an operator, or systemd, starts becomes the supervisor; those that it starts run the app.

import { fstatSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";
import { executedEnvironment, formatEnvironment, readable, setAside, type Variables } from "../launcher/received.js";
import { toBytes } from "../linux/bytes.js";
import { parseListen } from "../linux/sockets/address.js";
import { native } from "../native/index.js";
import { asItStands } from "../supervisor/placeholders.js";
import { listenFds, type PassedFd, refuseConnections } from "../systemd/as-service/listen-fds.js";
import { isFdName } from "../systemd/formats/fd-name.js";
import { executedCommand } from "./executed-command.js";
import { sayLastWords } from "./last-words.js";
import { type Logger, say, setLogger } from "./logger.js";
import { isChild } from "./role.js";
import { setStopSignals } from "./stop.js";

export interface InitOptions {
  /**
   * How long a new generation may take until it is ready, ms.
   *
   * @default 600_000
   */
  startupTimeout?: number | undefined;
  /**
   * How long an old generation may take to finish after it was told to stop, ms; then it is killed.
   *
   * @default 90_000
   */
  stopTimeout?: number | undefined;
  /**
   * How long old and new serve together before the old one is told to stop, ms.
   *
   * @default 0
   */
  settle?: number | undefined;
  /**
   * How many processes a generation has, each in a slot 0 … N−1 (`ZERODOWN_WORKER` and `ZERODOWN_WORKERS` in its environment);
   * `"auto"` for one on each CPU that this process may use.
   *
   * @default 1
   */
  workers?: number | "auto" | undefined;
  /**
   * How many processes more than `workers` a reload may run: with fewer than that they are replaced that many at a time.
   *
   * @default as many as `workers`: all are started at once
   */
  surge?: number | undefined;
  /**
   * When a process that serves is replaced by another one of the same release, ms.
   *
   * @default Infinity
   */
  maxAge?: number | undefined;
  /**
   * The same for one that uses more than that many bytes, which is looked at every 10 s.
   *
   * @default no limit
   */
  maxMemory?: number | undefined;
  /**
   * Files of each process's cgroup, and what is written into them: `{ "memory.max": "512M" }`. Needs `Delegate=`.
   *
   * @default {}
   */
  workerLimits?: Readonly<Record<string, string>> | undefined;
  /**
   * Signals that make the supervisor start the next generation.
   *
   * @default ["SIGHUP"]
   */
  reloadSignals?: readonly NodeJS.Signals[] | undefined;
  /**
   * Signals that stop the service. The first one is what a generation is told to stop by.
   *
   * @default ["SIGINT", "SIGTERM", "SIGQUIT"]
   */
  stopSignals?: readonly NodeJS.Signals[] | undefined;
  /**
   * Signals to the supervisor that are passed on to the generations.
   *
   * @default []
   */
  passthroughSignals?: readonly NodeJS.Signals[] | undefined;
  /**
   * Sockets that the supervisor binds and every generation gets, after those of systemd: `"8080"`, `"127.0.0.1:8080"`,
   * `"[::1]:8080"`, `"/run/app.sock"`, `"@abstract"`, each with `"NAME="` before it if it is to have one.
   *
   * @default []
   */
  listen?: readonly string[] | undefined;
  /**
   * Descriptors open in this process that every generation gets, after the sockets of systemd.
   *
   * @default []
   */
  extraFds?: readonly { readonly fd: number; readonly name: string }[] | undefined;
  /**
   * Variables for the generations, beside the supervisor's own.
   *
   * @default {}
   */
  extraVariables?: Readonly<Record<string, string>> | undefined;
  /**
   * Takes what the library has to say in this process, a line at a time. (The supervisor writes to stderr, for the journal.)
   *
   * @default lines on stderr
   */
  logger?: Logger | undefined;
}

const OPTIONS = Object.keys({
  ...{ startupTimeout: 1, stopTimeout: 1, settle: 1 },
  ...{ workers: 1, surge: 1, maxAge: 1, maxMemory: 1, workerLimits: 1 },
  ...{ reloadSignals: 1, stopSignals: 1, passthroughSignals: 1 },
  ...{ listen: 1, extraFds: 1, extraVariables: 1, logger: 1 },
} satisfies Record<keyof InitOptions, 1>);

let wasCalled = false;

/**
 * Makes this process the supervisor of the app, unless a supervisor started it. To be called first of all.
 *
 * In the process that was started by hand or by systemd it doesn't return: this process becomes `zerodown run` (the same
 * pid, and nothing of the app in memory), which starts the same command again, with the same arguments of Node and of the
 * app, as generation 1, and on SIGHUP as the next ones. In those it returns at once.
 *
 * @throws {TypeError | RangeError} when an option is wrong: its name, and what is wrong with it
 * @throws {Error} when it is called twice, too late, or where it can't be
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { init, serve } from "zerodown";
 *
 * init({ listen: ["8080"] });
 * await serve(createServer((_, response) => response.end("Hello\n")));
 * ```
 */
export function init(options: InitOptions = {}): void {
  sayLastWords();
  const args = toArguments(options);
  const extraVariables = checkVariables(options.extraVariables ?? {});
  if (options.logger) setLogger(options.logger);
  if (wasCalled) throw new Error("init() was called before: once is enough, and it must be first");
  wasCalled = true;
  refuseWrongPlaces();
  if (options.stopSignals) setStopSignals(options.stopSignals);
  if (isChild()) {
    // Under `zerodown run` init() isn't needed, and it is never too late: a preload may have opened a server.
    const { ZERODOWN_INIT, ZERODOWN_SUPERVISOR_PID } = process.env;
    if (ZERODOWN_INIT === ZERODOWN_SUPERVISOR_PID) refuseLateCall();
    return;
  }
  if (process.platform !== "linux") {
    say("notice", `no supervisor on ${process.platform}: a reload is a restart`);
    return;
  }
  refuseLateCall();
  becomeSupervisor(args, extraVariables, options.extraFds ?? []);
}

/** Without it older Nodes warn that --jitless implies it; newer ones don't know it. */
const NO_WASM = Number.parseInt(process.versions.node, 10) < 24 ? ["--no-expose-wasm"] : [];

/** A server, a connection or a process of this one would be gone with it. */
const BUSY = /^(?:TCPServerWrap|TCPSocketWrap|PipeServerWrap|UDPWrap|ProcessWrap)$/;

function refuseWrongPlaces(): void {
  if (!isMainThread) throw new Error("init() belongs into the main thread: this is a worker");
  if (process.send && !isChild()) throw new Error("init() belongs into the process that is started first, not a fork");
}

function refuseLateCall(): void {
  const busy = [...new Set(process.getActiveResourcesInfo().filter(resource => BUSY.test(resource)))];
  if (busy.length > 0) throw new Error(`init() comes too late: it must be first, and this is open: ${busy.join(", ")}`);
}

function becomeSupervisor(
  args: readonly string[],
  extraVariables: Readonly<Record<string, string>>,
  extraFds: readonly PassedFd[],
): never {
  // As this process was executed with it: what a preload, --env-file or dotenv has set since is each generation's own.
  const executed = executedEnvironment();
  const inherited = listenFds(readable(executed), why => say("warning", why));
  refuseConnections(inherited);
  for (const { fd } of extraFds) checkOpen(fd);
  const passed = [...inherited, ...extraFds];
  const zerodown = fileURLToPath(new URL("./zerodown.cjs", import.meta.url));
  const ours = [
    ...["node", "--expose-gc", "--max-semi-space-size=1", "--single-threaded", "--v8-pool-size=1"],
    ...["--jitless", ...NO_WASM, "--"],
    ...[zerodown, "run", ...args, "--"],
  ];
  return native.become({
    paths: [toBytes(process.execPath)],
    argv: [...ours.map(toBytes), ...executedCommand(executed.PATH).map(asItStands)],
    environment: formatEnvironment(setAside({ ...passVariables(executed, passed), ...asBytes(extraVariables) })),
    fds: passed.map(({ fd }) => fd),
  });
}

/** With what tells of the descriptors that are passed, and of no others; and that a supervisor of this pid is by init(). */
function passVariables(executed: Variables, passed: readonly PassedFd[]): Variables {
  const variables: Record<string, string> = { ...executed, ZERODOWN_INIT: String(process.pid) };
  for (const name of PASSING) delete variables[name];
  if (passed.length === 0) return variables;
  return {
    ...variables,
    LISTEN_FDS: String(passed.length),
    LISTEN_FDNAMES: passed.map(({ name }) => name).join(":"),
    LISTEN_PID: String(process.pid),
  };
}

function asBytes(variables: Readonly<Record<string, string>>): Variables {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [toBytes(name), toBytes(value)]));
}

/** For `zerodown run`. */
function toArguments(options: InitOptions): string[] {
  const unknown = Object.keys(options).find(name => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`init(): there is no option "${unknown}", but ${OPTIONS.join(", ")}`);
  }
  const { startupTimeout, stopTimeout, settle, workers, surge, maxAge, maxMemory, workerLimits } = options;
  for (const { fd, name } of checkList("extraFds", options.extraFds)) {
    if (!Number.isInteger(fd) || fd < 0) throw new RangeError(`extraFds: ${fd} is no descriptor`);
    if (typeof name !== "string" || !isFdName(name)) {
      throw new RangeError(
        `extraFds: "${name}" is no name (up to 255 ASCII characters, no ":", no control characters)`,
      );
    }
  }
  const listen = checkList("listen", options.listen);
  for (const address of listen) checkAddress(address);
  const stopSignals = checkSignals("stopSignals", options.stopSignals);
  return [
    ...timeArgument("startupTimeout", "--start-timeout", startupTimeout),
    ...timeArgument("stopTimeout", "--stop-timeout", stopTimeout),
    ...timeArgument("settle", "--settle", settle),
    ...(workers === "auto" ? ["--workers=auto"] : countArgument("workers", "--workers", workers)),
    ...countArgument("surge", "--surge", surge),
    ...timeArgument("maxAge", "--max-age", maxAge),
    ...countArgument("maxMemory", "--max-memory", maxMemory),
    ...limitArguments(workerLimits),
    ...checkSignals("reloadSignals", options.reloadSignals).map(signal => `--reload-signal=${signal}`),
    ...checkSignals("passthroughSignals", options.passthroughSignals).map(signal => `--pass-signal=${signal}`),
    ...stopSignals.slice(0, 1).map(signal => `--stop-signal=${signal}`),
    ...stopSignals.map(signal => `--stop-on=${signal}`),
    ...listen.map(address => `--listen=${address}`),
  ];
}

function timeArgument(name: string, option: string, milliseconds: number | undefined): string[] {
  if (milliseconds === undefined) return [];
  if (typeof milliseconds !== "number" || !(milliseconds >= 0)) {
    throw new RangeError(`${name}: ${milliseconds} is no time in ms`);
  }
  return [`${option}=${milliseconds === Number.POSITIVE_INFINITY ? "infinity" : `${Math.round(milliseconds)}ms`}`];
}

function countArgument(name: string, option: string, count: number | undefined): string[] {
  if (count === undefined) return [];
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`${name}: ${count} is no whole number above 0`);
  return [`${option}=${count}`];
}

function limitArguments(limits: Readonly<Record<string, string>> = {}): string[] {
  return Object.entries(limits).map(([file, value]) => {
    if (/^[a-z]+\.[a-z.]+$/.test(file) && /^[^\0\r\n]+$/.test(value)) return `--worker-limit=${file}=${value}`;
    throw new RangeError(
      `workerLimits: "${file}" and "${value}" are no file of a cgroup and its value ("memory.max": "512M")`,
    );
  });
}

function checkList<T>(name: string, list: readonly T[] = []): readonly T[] {
  if (!Array.isArray(list)) throw new TypeError(`${name}: an array is expected`);
  return list;
}

function checkAddress(address: string): void {
  try {
    parseListen("stream", address);
  } catch (error) {
    throw new RangeError(`listen: ${(error as Error).message}`);
  }
}

function checkOpen(fd: number): void {
  try {
    fstatSync(fd);
  } catch (error) {
    throw new RangeError(`extraFds: descriptor ${fd} is not open`, { cause: error });
  }
}

function checkSignals(name: string, given?: readonly NodeJS.Signals[]): readonly NodeJS.Signals[] {
  const signals = checkList(name, given);
  for (const signal of signals) {
    if (!(signal in constants.signals) || signal === "SIGKILL" || signal === "SIGSTOP") {
      throw new RangeError(`${name}: "${signal}" is no signal that can be handled (SIGHUP, SIGTERM, SIGUSR1 …)`);
    }
  }
  return signals;
}

/** sd_listen_fds(3): set again for whatever is passed. */
const PASSING = ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "LISTEN_PIDFDID"];

function checkVariables(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(variables)) {
    if (name === "" || /[=\0]/.test(name)) throw new RangeError(`extraVariables: "${name}" is no name of a variable`);
    if (PASSING.includes(name))
      throw new RangeError(`extraVariables: ${name} is the supervisor's: use listen or extraFds`);
    if (typeof value !== "string" || value.includes("\0")) {
      throw new TypeError(`extraVariables: ${name} is no string without NUL characters`);
    }
  }
  return variables;
}
