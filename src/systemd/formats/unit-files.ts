// Unit files: how their values are quoted, and what the .service and the .socket of a supervised app look like.

import type { SocketType } from "../../linux/sockets/address.js";
import type { Scope } from "../dbus.js";

/** What `zerodown unit` writes down. */
export interface UnitPlan {
  /** Without a suffix. */
  readonly name: string;
  readonly scope: Scope;
  /** The path of the command `zerodown`. */
  readonly zerodown: string;
  /** For `zerodown run`, the -- and the app's command included. */
  readonly runArguments: readonly string[];
  /** In the order of their descriptors. */
  readonly sockets: readonly { readonly type: SocketType; readonly address: string }[];
  /** FileDescriptorName= of all of them. */
  readonly socketName: string | undefined;
  /** How many descriptors generations may store. */
  readonly fdstoreMax: number;
  /** What $PATH must be, where the manager's own doesn't do. */
  readonly path: string | undefined;
  /** User=; undefined for the manager's own. */
  readonly user: string | undefined;
  /** What a start and a stop may take at most: microseconds, `Infinity` for no limit. */
  readonly startLimit: number;
  readonly stopLimit: number;
}

export interface UnitFile {
  readonly path: string;
  readonly text: string;
}

/** So that our own limits are always over first. */
const MARGIN_SECONDS = 10;

/** NUL, and what is no valid UTF-8 to systemd: it drops the whole line. */
const IMPOSSIBLE = /[\0\p{Noncharacter_Code_Point}\p{Surrogate}]/u;

/**
 * Writes one argument for ExecStart= and its like: systemd.service(5), "COMMAND LINES".
 *
 * @param expand whether `$` is to be systemd's own, to put a variable in; else it stands for itself
 * @throws {RangeError} when no unit file can hold it
 */
export function quoteArgument(argument: string, expand = false): string {
  if (IMPOSSIBLE.test(argument)) {
    throw new RangeError(`${JSON.stringify(argument)} has characters that no unit file can hold`);
  }
  const escaped = argument
    .replaceAll("%", "%%")
    .replaceAll("$", expand ? "$" : "$$$$")
    .replace(/[\\"]/g, "\\$&")
    .replace(/[\x01-\x1f\x7f]/g, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return /^[^\s'"\\;]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

/**
 * Writes a command for ExecStart= and its like.
 *
 * @param expand see quoteArgument()
 * @throws {RangeError} when no unit file can hold it
 */
export function commandLine([path = "", ...args]: readonly string[], expand = false): string {
  // systemd takes the path as it is, but for specifiers, and refuses what would have to be escaped. A name is looked up.
  if (!/^(?:\/|[\w.]+$)/.test(path) || /[\x01-\x1f\x7f'"\\]/.test(path)) {
    throw new RangeError(`${JSON.stringify(path)} can't be the path of a unit's command`);
  }
  return [quoteArgument(path, true), ...args.map(argument => quoteArgument(argument, expand))].join(" ");
}

/**
 * Writes the value of a setting that knows specifiers but no quotes, as ListenStream=.
 *
 * @throws {RangeError} when the setting can't hold it
 */
export function plainValue(text: string): string {
  if (text !== text.trim() || text.endsWith("\\") || /[\x01-\x1f\x7f]/.test(text) || IMPOSSIBLE.test(text)) {
    throw new RangeError(
      `${JSON.stringify(text)} has blanks at an end, a backslash at its end, or characters that no unit file can hold`,
    );
  }
  return text.replaceAll("%", "%%");
}

/** Writes a limit that is longer than ours for TimeoutStartSec= and TimeoutStopSec=. */
export function timeoutBeyond(microseconds: number): string {
  if (microseconds === Number.POSITIVE_INFINITY) return "infinity";
  const seconds = Math.ceil(microseconds / 1e6) + MARGIN_SECONDS;
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return [minutes && `${minutes}min`, rest && `${rest}s`].filter(Boolean).join(" ");
}

const LISTEN_SETTINGS: Record<SocketType, string> = {
  stream: "ListenStream",
  datagram: "ListenDatagram",
  seqpacket: "ListenSequentialPacket",
};

/** @throws {RangeError} when something can't be written into a unit file */
export function serviceFile(plan: UnitPlan): UnitFile {
  const { name, scope, zerodown } = plan;
  return file(plan, "service", [
    "[Unit]",
    `Description=${name}, swapped by zerodown`,
    "# A start by hand gets the sockets too.",
    `Requires=${name}.socket`,
    "",
    "[Service]",
    "Type=notify",
    "# zerodown run, and zerodown reload for one that was killed meanwhile.",
    "NotifyAccess=exec",
    ...(plan.path === undefined
      ? []
      : [
          "# systemd's own has no Node of nvm's and the like.",
          `Environment=${quoteArgument(`PATH=${plan.path}`, true)}`,
        ]),
    `ExecStart=${commandLine([zerodown, "run", ...plan.runArguments])}`,
    "# Waits until the new generation serves, and fails if that fails.",
    `ExecReload=${commandLine([zerodown, "reload"])}`,
    "# A stop may end ExecReload= by SIGTERM before it has begun.",
    "SuccessExitStatus=SIGTERM",
    "# The first signal is for zerodown alone, which tells the app.",
    "KillMode=mixed",
    "Restart=on-failure",
    "# Slower than StartLimitBurst= (5 in 10s), which would close the sockets.",
    "RestartSec=3",
    "# Longer than zerodown's own limits, which say what went wrong.",
    `TimeoutStartSec=${timeoutBeyond(plan.startLimit)}`,
    `TimeoutStopSec=${timeoutBeyond(plan.stopLimit)}`,
    "# For zerodown's own sockets.",
    `RuntimeDirectory=${name}`,
    ...(plan.sockets.some(({ address }) => isInRuntimeDirectory(address, plan))
      ? ["# It holds a socket of the .socket unit too, which outlives the service.", "RuntimeDirectoryPreserve=yes"]
      : []),
    "# Each generation gets a cgroup of its own.",
    "Delegate=yes",
    "# The kernel killing one process for memory is no end of the service.",
    "OOMPolicy=continue",
    ...(plan.fdstoreMax > 0 ? [`FileDescriptorStoreMax=${plan.fdstoreMax}`] : []),
    ...(plan.user === undefined ? [] : [`User=${plan.user}`]),
    "NoNewPrivileges=yes",
    ...(scope === "system" ? ["PrivateTmp=yes", "ProtectSystem=full"] : []),
    "",
    "[Install]",
    `WantedBy=${scope === "system" ? "multi-user" : "default"}.target`,
    `Also=${name}.socket`,
  ]);
}

/** @throws {RangeError} when something can't be written into a unit file */
export function socketFile(plan: UnitPlan): UnitFile {
  const { name, socketName, sockets } = plan;
  return file(plan, "socket", [
    "[Unit]",
    `Description=Sockets of ${name}`,
    "",
    "[Socket]",
    ...sockets.map(({ type, address }) => `${LISTEN_SETTINGS[type]}=${plainValue(address)}`),
    ...(sockets.some(isTcp)
      ? [
          "# What an app writes goes out at once: the second part of an answer doesn't wait for a client's ACK.",
          "NoDelay=yes",
        ]
      : []),
    ...(socketName === undefined ? [] : [`FileDescriptorName=${plainValue(socketName)}`]),
    "",
    "[Install]",
    "WantedBy=sockets.target",
  ]);
}

function isTcp({ type, address }: UnitPlan["sockets"][number]): boolean {
  return type === "stream" && !/^[/@]/.test(address);
}

/** systemd removes a RuntimeDirectory= when the service stops, with all that is in it. */
function isInRuntimeDirectory(address: string, { name, scope }: UnitPlan): boolean {
  const directory = scope === "system" ? `(/var)?/run/${name}` : `/run/user/\\d+/${name}`;
  return new RegExp(`^${directory.replaceAll(".", "\\.")}/`).test(address);
}

function file({ name, scope }: UnitPlan, suffix: string, lines: readonly string[]): UnitFile {
  const path = `${scope === "system" ? "/etc/systemd/system" : "~/.config/systemd/user"}/${name}.${suffix}`;
  return { path, text: `# ${path}\n${lines.join("\n")}\n` };
}
