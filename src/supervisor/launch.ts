// Launching an app's command: where it is found, and what it is given.

import { constants } from "node:os";
import { formatEnvironment, type Variables } from "../launcher/received.js";
import { toBytes, toText } from "../linux/bytes.js";
import { EX_OSERR, EX_UNAVAILABLE } from "../linux/exit-codes.js";
import type { ReadyMode } from "../machine/config.js";
import type { Address } from "../machine/events.js";
import type { NativeError } from "../native/index.js";
import { childEnvironment } from "../systemd/as-manager/child-environment.js";
import type { Owner } from "../systemd/as-manager/fd-store.js";
import { LISTEN_FDS_START, type PassedFd } from "../systemd/as-service/listen-fds.js";
import type { UnitCgroup } from "../systemd/as-service/unit-cgroup.js";
import type { Outside } from "./outside.js";
import { putIn, type Standing } from "./placeholders.js";
import { PROBE_NAME } from "./probe-socket.js";
import { placeOf, type Release } from "./release.js";

/**
 * What every generation is started from; all that a deployment may swap is looked up again each time. Command, directory,
 * file and environment are bytes (see linux/bytes.ts).
 */
export interface Launch {
  readonly command: readonly string[];
  /** A path: it may lead elsewhere next time. */
  readonly directory: string;
  readonly envFile: string | undefined;
  /** As the supervisor was started with it. */
  readonly environment: Variables;
  /** The soft limit of open files that it was started with; −1: its own. */
  readonly fileLimit: number;
  /** Whether it was started with SIGPIPE ignored. */
  readonly ignoresSigpipe: boolean;
  /** The sockets of the process in that slot. */
  readonly fds: (slot: number) => readonly PassedFd[];
  /** Descriptors that stand at another number as well: by name, or the first. */
  readonly fdMap: readonly MappedFd[];
  /** What generations have stored, and goes to that process. */
  readonly stored: (owner: Owner) => readonly PassedFd[];
  /** For $FDSTORE: how many descriptors generations may store. */
  readonly fdstoreMax: number;
  /** Where processes get cgroups of their own; undefined where they can't. */
  readonly cgroup: Pick<UnitCgroup, "create"> | undefined;
  /** What is written into files of these: see Cgroup.limit(). */
  readonly workerLimits: readonly (readonly [file: string, value: string])[];
  readonly ready: ReadyMode;
  /** Commands, or http:/PATH: what a candidate must pass. Bytes. */
  readonly probes: readonly string[];
  /** A shell's command, as bytes, that is run before a process which was ready is told to stop. */
  readonly beforeDrainCommand: string | undefined;
  readonly stopSignal: NodeJS.Signals;
  /** Where the notify sockets go. */
  readonly runtimeDirectory: string;
}

/** A descriptor, by its name or else the first, and a number at which a process has it as well. */
export interface MappedFd {
  readonly name: string | undefined;
  readonly number: number;
}

/** Which process is to be started. */
export interface Start extends Address {
  readonly slot: number;
  readonly workers: number;
  /** It gets no descriptor but that of its probes. */
  readonly isTrial: boolean;
  /** The weight of its cgroup. */
  readonly weight: number;
  /** @throws {NodeJS.ErrnoException} when it can't be read */
  readonly release: () => Release;
}

/** What was made ready for it. */
export interface Berth {
  /** The cgroup.procs of its cgroup; undefined: it stays in the supervisor's. */
  readonly procsFile: string | undefined;
  /** The path of its notify socket. */
  readonly notifySocket: string;
  /** The path of a directory of its own, which is there where its command names it. */
  readonly ownDirectory: string;
  /** The descriptor of the socket of its probes, where there are any. */
  readonly probe: number | undefined;
  /** With --ready fd, where it writes a newline. */
  readonly readyWriter: number | undefined;
}

/** What the system lacks, as opposed to what is wrong with the command. */
const LACKING = new Set(["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"]);

/** The exit status of a supervisor whose command can't be started. */
export function exitStatusOf({ code }: NativeError): number {
  return LACKING.has(code) ? EX_OSERR : EX_UNAVAILABLE;
}

/** What is put into the command of a process, and into the commands that probe it. */
export function standingOf(
  { generation, slot, ownDirectory }: Pick<Start, "generation" | "slot"> & Pick<Berth, "ownDirectory">,
  { directory }: Release,
  launch: Launch,
): Omit<Standing, "fd"> {
  return {
    generation: String(generation),
    worker: String(slot),
    release: directory ?? launch.directory,
    runtime: toBytes(ownDirectory),
  };
}

/**
 * The index of the descriptor with that name, or of the first. In a dry run the socket of the probes, which is all it gets, stands
 * for every other one.
 *
 * @param name bytes
 * @param asker who wants it, for people
 */
function indexOf(name: string | undefined, fds: readonly PassedFd[], isTrial: boolean, asker: string): number {
  const index = fds.findIndex(fd => isTrial || name === undefined || toBytes(fd.name) === name);
  if (index >= 0) return index;
  const what = name === undefined ? "there is no socket" : "no descriptor has that name";
  const names = fds.map(fd => fd.name).join(", ");
  throw Object.assign(new Error(`${asker}: ${what}${names && ` (but ${names})`}`), { code: "ENOENT" });
}

/** As the addon wants them. */
function copiesOf({ fdMap }: Launch, fds: readonly PassedFd[], isTrial: boolean): number[] {
  return fdMap.flatMap(({ name, number }) => {
    const asker = `--fd-map ${name === undefined ? "" : `${name}=`}${number}`;
    return [indexOf(name && toBytes(name), fds, isTrial, asker), number];
  });
}

/** @throws {NativeError} when the command can't be executed */
export function launchChild(
  launch: Launch,
  { generation, slot, workers, isTrial, release }: Start,
  { procsFile, notifySocket, ownDirectory, probe, readyWriter }: Berth,
  spawn: Outside["spawn"],
): { pid: number; pidfd: number } {
  const passed = isTrial ? [] : launch.fds(slot);
  const probes = probe === undefined ? [] : [{ fd: probe, name: PROBE_NAME }];
  const fds = [...passed, ...probes, ...(isTrial ? [] : launch.stored({ slot, workers }))];
  const found = release();
  const { directory, paths, argv } = placeOf(found, launch);
  const standing = {
    ...standingOf({ generation, slot, ownDirectory }, found, launch),
    fd: (name: string | undefined) => {
      const asker = name === undefined ? "{fd}" : `{fd:${toText(name)}}`;
      return String(LISTEN_FDS_START + indexOf(name, fds, isTrial, asker));
    },
  };
  const { variables, pidVariables } = childEnvironment(launch.environment, found.variables, {
    generation,
    slot,
    workers,
    supervisorPid: process.pid,
    fds,
    fdstoreMax: isTrial ? 0 : launch.fdstoreMax,
    isTrial,
    notifySocket,
    probeFd: probe === undefined ? undefined : LISTEN_FDS_START + passed.length,
    readyFd: readyWriter === undefined ? undefined : LISTEN_FDS_START + fds.length,
  });
  return spawn({
    paths,
    argv: argv.map(argument => putIn(argument, standing)),
    environment: formatEnvironment(variables),
    pidVariables,
    directory,
    fds: [...fds.map(({ fd }) => fd), ...(readyWriter === undefined ? [] : [readyWriter])],
    copies: copiesOf(launch, fds, isTrial),
    deathSignal: constants.signals[launch.stopSignal],
    ignoredSignal: launch.ignoresSigpipe ? constants.signals.SIGPIPE : 0,
    fileLimit: launch.fileLimit,
    cgroup: procsFile ?? "",
  });
}
