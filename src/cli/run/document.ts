// All that a supervisor hands over to the one that replaces it: versioned JSON, field by field in docs/contracts.md 10.

import { closeSync, fstatSync, openSync, readSync, unlinkSync, writeFileSync } from "node:fs";
import type { SavedListener } from "../../control/listener.js";
import { ADOPT } from "../../launcher/received.js";
import { EX_CONFIG } from "../../linux/exit-codes.js";
import type { SocketFile } from "../../linux/sockets/files.js";
import type { News } from "../../machine/news.js";
import {
  type Check,
  isArray,
  isBoolean,
  isCount,
  isNullOr,
  isNumber,
  isObject,
  isRecord,
  isString,
  readSnapshot,
  writeSnapshot,
} from "../../machine/snapshot.js";
import type { Look } from "../../supervisor/acceptance.js";
import type { SavedHook } from "../../supervisor/hook.js";
import type { SavedSupervisor } from "../../supervisor/options.js";
import type { SavedProbe } from "../../supervisor/probe-command.js";
import type { SavedOutput } from "../../supervisor/probe-output.js";
import type { ProbeSocket } from "../../supervisor/probe-socket.js";
import type { SavedProbes } from "../../supervisor/probes.js";
import type { Release } from "../../supervisor/release.js";
import type { PassedFd } from "../../systemd/as-service/listen-fds.js";
import type { SavedNotifier } from "../../systemd/as-service/notify.js";
import type { RuntimeDirectory } from "../../systemd/as-service/runtime-directory.js";
import type { SavedUnitCgroup } from "../../systemd/as-service/unit-cgroup.js";
import { CommandError } from "../errors.js";

/**
 * It changes with every change that older readers would misunderstand; the machine's state has a version of its own. There
 * was none before this one. A version that raises either of them must read the one before it, too, and write that for a
 * program that understands no other, so that an upgrade can be undone.
 */
const FORMAT = 1;
/** Far more than thousands of generations need. */
const MOST_BYTES = 64 << 20;

export interface Document {
  /** The version of zerodown that wrote it. */
  readonly version: string;
  readonly supervisor: SavedSupervisor;
  /** Of --on-event. */
  readonly hook: SavedHook | null;
  /** Those that were passed or bound, in order. */
  readonly sockets: readonly PassedFd[];
  /** What generations have stored, named as in systemd's store. */
  readonly stored: readonly PassedFd[];
  readonly files: readonly SocketFile[];
  readonly runtimeDirectory: RuntimeDirectory;
  /** Where the app is started: bytes. */
  readonly directory: string;
  /** What the launcher noted before Node changed it. */
  readonly received: { readonly fileLimit: number; readonly ignoresSigpipe: boolean };
  readonly cgroup: SavedUnitCgroup | null;
  readonly notifier: SavedNotifier;
  readonly control: SavedListener | null;
}

/**
 * @param directory where the file is made; it has no name there when this returns
 * @returns its descriptor, for the caller to close
 * @throws {Error} when it can't be written
 */
export function writeDocument(document: Document, directory: string): number {
  const { supervisor, ...rest } = document;
  const { state, ...shell } = supervisor;
  const text = JSON.stringify({
    format: FORMAT,
    ...rest,
    supervisor: { ...shell, state: JSON.parse(writeSnapshot(state)) },
  });
  const path = `${directory}/upgrade`;
  const fd = openSync(path, "wx+", 0o600);
  try {
    unlinkSync(path);
    writeFileSync(fd, text);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * What the supervisor hands over that executed this one.
 *
 * @param text the value of the variable that names its descriptor
 * @throws {CommandError} where there is no such thing: whoever wrote a unit may have set the variable, too
 */
export function receiveDocument(text: string): Document {
  try {
    const fd = Number(text);
    const document = readDocument(fd);
    closeSync(fd);
    return document;
  } catch (error) {
    const why = (error as Error).message;
    throw new CommandError(
      `${ADOPT}=${text} names no descriptor of what a supervisor hands over (${why}): only a supervisor that replaces ` +
        "itself sets this variable, so take it out of the unit",
      EX_CONFIG,
      { cause: error },
    );
  }
}

/** @throws {Error} when there is something in it that this version doesn't understand */
export function readDocument(fd: number): Document {
  const { size } = fstatSync(fd);
  if (size > MOST_BYTES) throw new Error(`it has ${size} bytes`);
  const bytes = Buffer.alloc(size);
  let length = 0;
  // From its start, wherever its writer stands.
  for (let count = 1; length < size && count > 0; length += count)
    count = readSync(fd, bytes, length, size - length, length);
  const { format, ...document } = JSON.parse(bytes.toString("utf8", 0, length)) as { format?: unknown };
  if (format !== FORMAT) throw new Error(`it has format ${JSON.stringify(format)}, and only ${FORMAT} is understood`);
  isDocument(document, "document");
  const { supervisor, ...rest } = document as unknown as Document;
  return { ...rest, supervisor: { ...supervisor, state: readSnapshot(JSON.stringify(supervisor.state)) } };
}

/** Every descriptor in it, each once: they are the fields whose name says so. That of a probe socket is the process's alone. */
export function descriptorsIn(document: Document): number[] {
  const found = new Set<number>();
  JSON.stringify(document, (key, value: unknown) => {
    if (key === "probeSocket") return undefined;
    if (/^(?:fd|pidfd|readyPipe|reader)$/.test(key) && typeof value === "number") found.add(value);
    return value;
  });
  return [...found];
}

// ── What is understood ───────────────────────────────────────────────────────────────────────────────────────────────

const isPair =
  (one: Check, other: Check): Check =>
  (value, where) => {
    isArray(() => {})(value, where);
    const pair = value as unknown[];
    one(pair[0], `${where}[0]`);
    other(pair[1], `${where}[1]`);
  };
/** A field that may be missing. */
const isOptional =
  (check: Check): Check =>
  (value, where) => {
    if (value !== undefined && value !== null) check(value, where);
  };

const isFds = isArray(isObject({ fd: isCount, name: isString }));
const isBlocking = isArray(isObject({ fd: isCount, nonBlocking: isBoolean }));
const isAddress = isObject({ generation: isCount, process: isCount });
const isLocation = isObject({ path: isString, real: isString });

const place = {
  directory: isNullOr(isString),
  executable: isNullOr(isLocation),
  locations: isArray(isNullOr(isLocation)),
};
const isRelease = isObject({ ...place, variables: isRecord } satisfies Record<keyof Release, Check>);

const isProcess = isObject({
  pid: isCount,
  pidfd: isCount,
  cgroup: isNullOr(isString),
  notifySocket: isObject({ fd: isCount, path: isString, complaints: isArray(isString) }),
  probeSocket: isNullOr(isObject({ path: isString, listening: isRecord } satisfies Record<keyof ProbeSocket, Check>)),
  readyPipe: isNullOr(isCount),
  dying: isNullOr(isObject({ end: isRecord, giveUpAt: isNumber })),
  channel: isNullOr(isObject({ fd: isCount })),
} satisfies Record<keyof SavedSupervisor["processes"][number]["saved"], Check>);

const isCommand = isObject({
  pid: isCount,
  pidfd: isCount,
  reader: isCount,
  cgroup: isNullOr(isString),
  output: isObject({ line: isString, lines: isCount, isCut: isBoolean, last: isString } satisfies Record<
    keyof SavedOutput,
    Check
  >),
} satisfies Record<keyof SavedProbe, Check>);

const isNews = isObject({
  event: isString,
  ...{ generation: isNullOr(isCount), worker: isNullOr(isCount), pid: isNullOr(isCount), release: isNullOr(isCount) },
  ...{ duration: isNullOr(isNumber), result: isNullOr(isString) },
} satisfies Record<keyof News, Check>);

const isSupervisor = isObject({
  state: isRecord,
  lastAsker: isCount,
  releases: isObject({ known: isArray(isPair(isNumber, isRelease)), remembered: isNullOr(isObject(place)) }),
  blockingAsReceived: isBlocking,
  strays: isObject({ isLooking: isBoolean, knowsOlder: isBoolean, known: isArray(isString) }),
  looks: isArray(
    isObject({
      ...{ type: isString, generation: isCount, process: isCount, slot: isCount },
      ...{ patience: isNumber, goesOn: isBoolean },
    } satisfies Record<keyof Look, Check>),
  ),
  probes: isArray(
    isObject({
      about: isObject({ generation: isCount, process: isCount, probe: isNullOr(isCount) }),
      command: isCommand,
    } satisfies Record<keyof SavedProbes[number], Check>),
  ),
  processes: isArray(isObject({ about: isAddress, saved: isProcess, blockingBefore: isBlocking })),
} satisfies Record<keyof SavedSupervisor, Check>);

const isFile = isObject({
  path: isString,
  keep: isString,
  without: isOptional(isString),
  file: isObject({ ino: isNumber, dev: isNumber, mode: isNumber, uid: isNumber, gid: isNumber }),
  other: isOptional(isNumber),
} satisfies Record<keyof SocketFile, Check>);

const isClient = isObject({
  fd: isCount,
  left: isString,
  calls: isArray(isRecord),
  asker: isOptional(isNumber),
} satisfies Record<keyof SavedListener["clients"][number], Check>);

const isDocument = isObject({
  version: isString,
  supervisor: isSupervisor,
  hook: isNullOr(
    isObject({
      running: isNullOr(isObject({ command: isCommand, giveUpAt: isNumber })),
      waiting: isArray(isObject({ news: isNews, text: isString })),
    } satisfies Record<keyof SavedHook, Check>),
  ),
  sockets: isFds,
  stored: isFds,
  files: isArray(isFile),
  runtimeDirectory: isObject({ path: isString, fd: isCount }),
  directory: isString,
  received: isObject({ fileLimit: isNumber, ignoresSigpipe: isBoolean }),
  cgroup: isNullOr(
    isObject({ directory: isString, groups: isArray(isPair(isCount, isString)), controllers: isArray(isString) }),
  ),
  notifier: isObject({
    queue: isArray(isObject({ text: isString, fd: isOptional(isCount), name: isOptional(isString) })),
    stored: isArray(isString),
    complained: isBoolean,
  } satisfies Record<keyof SavedNotifier, Check>),
  control: isNullOr(isObject({ fd: isCount, path: isString, clients: isArray(isClient) })),
} satisfies Record<keyof Document, Check>);
