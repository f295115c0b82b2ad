// Reads the options of `zerodown run`.

import { usableCpus } from "../../linux/cpus.js";
import { maxOpenFiles } from "../../linux/limits.js";
import { type Listen, parseListen, type SocketType } from "../../linux/sockets/address.js";
import type { ReadyMode } from "../../machine/config.js";
import { STOP_SIGNALS } from "../../machine/events.js";
import type { MappedFd } from "../../supervisor/launch.js";
import { misspelt, namesIn } from "../../supervisor/placeholders.js";
import { PROBE_NAME } from "../../supervisor/probe-socket.js";
import type { KillStrays } from "../../supervisor/strays.js";
import { LISTEN_FDS_START } from "../../systemd/as-service/listen-fds.js";
import { UsageError } from "../errors.js";
import { parseCommandLine } from "../options/parse.js";
import { choiceOption, countOption, parseValue, positiveOption, signalOption, timeOption } from "../options/values.js";
import { RUN } from "./table.js";

export interface RunOptions {
  readonly command: readonly string[];
  /** In the order given. */
  readonly listen: readonly Listen[];
  readonly fdMap: readonly MappedFd[];
  readonly ready: ReadyMode;
  /** Times are microseconds, `Infinity` for none. */
  readonly readyDelay: number;
  readonly startTimeout: number;
  readonly probes: readonly string[];
  readonly probeTimeout: number;
  readonly stopTimeout: number;
  /** How long --before-drain may take; 0 where there is none. */
  readonly beforeDrain: number;
  readonly settle: number;
  readonly stopSignal: NodeJS.Signals;
  readonly stopOn: readonly NodeJS.Signals[];
  readonly reloadSignals: readonly NodeJS.Signals[];
  readonly passSignals: readonly NodeJS.Signals[];
  readonly onCrash: "restart" | "exit";
  readonly workers: number;
  /** `--workers` is given: sockets of one address are its accept queues, and each process gets one of them. */
  readonly sharesQueues: boolean;
  /** `Infinity` for as many as there are. */
  readonly surge: number;
  /** The cpu.weight of what boots while another process serves in its slot. */
  readonly bootWeight: number;
  /** `--boot-weight` is given. */
  readonly asksForWeight: boolean;
  /** How many workers may boot at a time then. */
  readonly bootParallel: number;
  readonly maxAge: number;
  /** Bytes; `Infinity` for none. */
  readonly maxMemory: number;
  /** Files of each worker's cgroup, and what is written into them. */
  readonly workerLimits: readonly (readonly [file: string, value: string])[];
  readonly killStrays: KillStrays;
  readonly envFile: string | undefined;
  readonly workingDirectory: string | undefined;
  /** How many descriptors generations may store; undefined: as many as systemd keeps. */
  readonly fdstoreMax: number | undefined;
  /** What is run for each event. */
  readonly onEvent: string | undefined;
  /** The control socket's path; undefined for the usual place. */
  readonly control: string | undefined;
}

/** The options that ask for a socket. */
export const SOCKET_TYPES: Record<string, SocketType> = {
  listen: "stream",
  "listen-datagram": "datagram",
  "listen-seqpacket": "seqpacket",
};

/** Of those that a number may be given to. */
const MOST_FD = 1023;

const READY_MODES: Record<ReadyMode, true> = {
  notify: true,
  exec: true,
  delay: true,
  fd: true,
  accept: true,
  "notify+accept": true,
};

/**
 * Reads the arguments of `zerodown run`.
 *
 * @returns null when help is asked for
 * @throws {UsageError}
 */
export function parseRunOptions(args: readonly string[]): RunOptions | null {
  const { values, given, operands, rest: command = [] } = parseCommandLine(RUN, args);
  if (values.help) return null;
  if (operands.length > 0) {
    throw new UsageError(
      `"${operands[0]}" is not expected: the command comes after --, as in zerodown run -- ${operands[0]}`,
    );
  }
  if (!command[0])
    throw new UsageError("no command: it comes after --, as in zerodown run --listen 8080 -- node server.js");

  const listen = given.flatMap(({ name, value = "" }) => {
    const type = SOCKET_TYPES[name];
    return type === undefined ? [] : [parseValue(name, value, text => parseListen(type, text))];
  });
  const [, mode = values.ready, delay] = /^(delay):(.*)$/.exec(values.ready) ?? [];
  if (mode === "delay" && !delay) throw new UsageError(`--ready: "${values.ready}" lacks its time, as in delay:5s`);
  const options = {
    command,
    listen,
    fdMap: (values["fd-map"] ?? []).map(mappedOption),
    ready: choiceOption("ready", mode, READY_MODES),
    readyDelay: mode === "delay" ? timeOption("ready", delay ?? "") : 0,
    startTimeout: timeOption("start-timeout", values["start-timeout"]),
    probes: (values.probe ?? []).map(probeOption),
    probeTimeout: timeOption("probe-timeout", values["probe-timeout"]),
    stopTimeout: timeOption("stop-timeout", values["stop-timeout"]),
    beforeDrain:
      commandOption("before-drain", values["before-drain"]) === undefined
        ? 0
        : timeOption("before-drain-timeout", values["before-drain-timeout"]),
    settle: timeOption("settle", values.settle),
    stopSignal: signalOption("stop-signal", values["stop-signal"]),
    stopOn: values["stop-on"]?.map(value => signalOption("stop-on", value)) ?? STOP_SIGNALS,
    reloadSignals: (values["reload-signal"] ?? ["SIGHUP"]).map(value => signalOption("reload-signal", value)),
    passSignals: (values["pass-signal"] ?? []).map(value => signalOption("pass-signal", value)),
    onCrash: choiceOption("on-crash", values["on-crash"], RUN.options["on-crash"].choices),
    workers: workersOption(values.workers),
    sharesQueues: given.some(({ name }) => name === "workers"),
    surge: values.surge === undefined ? Number.POSITIVE_INFINITY : positiveOption("surge", values.surge),
    bootWeight: weightOption(values["boot-weight"]),
    asksForWeight: given.some(({ name }) => name === "boot-weight"),
    bootParallel:
      values["boot-parallel"] === undefined ? usableCpus() : positiveOption("boot-parallel", values["boot-parallel"]),
    maxAge: timeOption("max-age", values["max-age"]),
    maxMemory: values["max-memory"] === undefined ? Number.POSITIVE_INFINITY : sizeOption(values["max-memory"]),
    workerLimits: (values["worker-limit"] ?? []).map(limitOption),
    killStrays: choiceOption("kill-strays", values["kill-strays"], RUN.options["kill-strays"].choices),
    envFile: values["env-file"],
    workingDirectory: values["working-directory"],
    fdstoreMax: values["fdstore-max"] === undefined ? undefined : countOption("fdstore-max", values["fdstore-max"]),
    onEvent: commandOption("on-event", values["on-event"]),
    control: values.control,
  };
  checkPlaceholders(options);
  checkMapped(options.fdMap);
  if (values["before-drain"] !== undefined && !(options.beforeDrain > 0 && Number.isFinite(options.beforeDrain))) {
    throw new UsageError("--before-drain-timeout: 0 leaves no time, and with infinity nothing might ever stop");
  }
  if (options.probeTimeout === 0) throw new UsageError("--probe-timeout: 0 leaves no probe any time");
  for (const [option, value] of [
    ["ready", options.readyDelay],
    ["settle", options.settle],
  ] as const) {
    if (value === Number.POSITIVE_INFINITY) throw new UsageError(`--${option}: with infinity no reload would ever end`);
  }
  if (Number.isFinite(options.surge) && options.stopTimeout === Number.POSITIVE_INFINITY) {
    throw new UsageError("--surge waits for those that drain: with --stop-timeout infinity no reload might ever end");
  }
  return options;
}

/**
 * @param names those of the service's sockets
 * @throws {UsageError} where nobody could tell one of them from the socket of the probes
 */
export function checkProbeName({ probes }: RunOptions, names: readonly (string | undefined)[]): void {
  if (probes.length === 0 || !names.includes(PROBE_NAME)) return;
  throw new UsageError(
    `--probe: a socket of the service is named "${PROBE_NAME}", as that of the probes is: give it another name`,
  );
}

/**
 * @param sockets how many a process gets
 * @param stored how many descriptors it may get beside them
 * @throws {UsageError} where a number of --fd-map is one of those that a process has anyway
 */
export function checkMappedNumbers({ fdMap, probes, ready }: RunOptions, sockets: number, stored: number): void {
  const end = LISTEN_FDS_START + sockets + Math.min(probes.length, 1) + stored + (ready === "fd" ? 1 : 0);
  const most = maxOpenFiles() ?? Number.POSITIVE_INFINITY;
  const beyond = fdMap.find(({ number }) => number >= most);
  if (beyond)
    throw new UsageError(`--fd-map: ${beyond.number} is beyond ${most - 1}, the last that may be open (LimitNOFILE=)`);
  const taken = fdMap.find(({ number }) => number >= LISTEN_FDS_START && number < end);
  if (!taken) return;
  throw new UsageError(
    `--fd-map: the descriptors 3 to ${end - 1} are those of LISTEN_FDS and the like: ${taken.number} is among them`,
  );
}

function checkMapped(fdMap: readonly MappedFd[]): void {
  const twice = fdMap.find(({ number }, index) => fdMap.findIndex(other => other.number === number) < index);
  if (twice) throw new UsageError(`--fd-map: descriptor ${twice.number} is there twice`);
}

function checkPlaceholders({ command, probes }: Pick<RunOptions, "command" | "probes">): void {
  for (const [where, texts] of [
    ["the command", command],
    ["--probe", probes],
  ] as const) {
    const wrong = texts.map(misspelt).find(why => why !== undefined);
    if (wrong !== undefined) throw new UsageError(`${where}: ${wrong}`);
  }
  const [program = ""] = command;
  if (namesIn(program).length === 0) return;
  throw new UsageError(
    `the command: nothing is put into the name of a program ("${program}"): one that is relative is looked up in the release`,
  );
}

/** @throws {UsageError} where one is to do two things */
export function checkSignals({ stopOn, reloadSignals, passSignals }: RunOptions): void {
  const roles = [...new Set(stopOn), ...new Set(reloadSignals), ...new Set(passSignals)];
  const twice = roles.find((signal, index) => roles.indexOf(signal) !== index);
  if (twice) {
    throw new UsageError(
      `${twice} has two meanings: each signal stops (${stopOn.join(", ")}), reloads or is passed on`,
    );
  }
}

/** A shell's command. */
function commandOption(option: string, value: string | undefined): string | undefined {
  if (value?.trim() !== "") return value;
  throw new UsageError(`--${option}: there is no command in it`);
}

/** A shell's command, or http:/PATH. */
function probeOption(value: string): string {
  commandOption("probe", value);
  if (!/^https?:/.test(value) || /^http:\/(?!\/)[!-~]*$/.test(value)) return value;
  throw new UsageError(
    `--probe: "${value}" is not http:/PATH, which asks the candidate's own probe socket without TLS (http:/health); ` +
      "a command may ask another way",
  );
}

/** Bytes, as systemd has them: 512M. */
function sizeOption(value: string): number {
  const [, digits = "", unit = ""] = /^(\d+)([KMGT]?)$/.exec(value) ?? [];
  if (Number(digits) > 0) return Number(digits) * 1024 ** " KMGT".indexOf(unit || " ");
  throw new UsageError(`--max-memory: "${value}" is not a size (512M, 2G)`);
}

/** As CPUWeight= has it. */
function weightOption(value: string): number {
  const weight = positiveOption("boot-weight", value);
  if (weight <= 10_000) return weight;
  throw new UsageError(`--boot-weight: ${value} is more than a cgroup can have (1 to 10000)`);
}

/** A file of a cgroup and its value: memory.max=512M. */
function limitOption(value: string): readonly [string, string] {
  const [, file, limit] = /^([a-z]+\.[a-z.]+)=(.+)$/.exec(value) ?? [];
  if (file !== undefined && limit !== undefined) return [file, limit];
  throw new UsageError(`--worker-limit: "${value}" is not a file of a cgroup and its value, as in memory.max=512M`);
}

/** A descriptor and its other number: web=0. */
function mappedOption(value: string): MappedFd {
  const [, name, digits = ""] = /^(?:([^:]+)=)?(\d{1,9})$/.exec(value) ?? [];
  const number = Number(digits);
  if (digits === "") throw new UsageError(`--fd-map: "${value}" is not the name of a socket and a number, as in web=0`);
  if (number === 1 || number === 2) throw new UsageError(`--fd-map: descriptor ${number} is where the app writes to`);
  if (number > MOST_FD) throw new UsageError(`--fd-map: ${number} is beyond ${MOST_FD}, the last that select(2) knows`);
  return { name, number };
}

/** "auto" is as many as there are CPUs for this process. */
function workersOption(value: string): number {
  return value === "auto" ? usableCpus() : positiveOption("workers", value);
}
