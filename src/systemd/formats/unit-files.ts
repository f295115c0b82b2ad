// Unit files: how their values are quoted, and what the .service and the .socket of a supervised app look like.

import type { SocketType } from "../../linux/sockets/address.js";
import type { Scope } from "../dbus.js";

/** `zerodown unit` writes the files from this. */
export interface UnitPlan {
  /** The name without a suffix. */
  readonly name: string;
  readonly scope: Scope;
  /** The path of the command `zerodown`. */
  readonly zerodown: string;
  /** The arguments of `zerodown run`, with the -- and the app's command. */
  readonly runArguments: readonly string[];
  /** The sockets in the order of their descriptors. */
  readonly sockets: readonly { readonly type: SocketType; readonly address: string }[];
  /** FileDescriptorName= of all of them. */
  readonly socketName: string | undefined;
  /** Generations may store so many descriptors. */
  readonly fdstoreMax: number;
  /** Assignments for Environment=, and comments that say what the command needs. */
  readonly environment: readonly string[];
  readonly comments: readonly string[];
  /** The $PATH that the service needs, where the manager's own doesn't do. */
  readonly path: string | undefined;
  /** User=; undefined for the user whose manager it is, and for a dynamic one of the system's. */
  readonly user: string | undefined;
  /** Whether the command confines the app itself, and needs rights for that. */
  readonly confines: boolean;
  /** The symbolic link whose switch reloads the service; an absolute path. */
  readonly watch: string | undefined;
  /** A start and a stop may take so long at most: microseconds, `Infinity` for no limit. */
  readonly startLimit: number;
  readonly stopLimit: number;
}

export interface UnitFile {
  readonly path: string;
  readonly text: string;
}

/** systemd's limits are so much longer, so that our own are always over first. */
const MARGIN_SECONDS = 10;

/** NUL, and what isn't valid UTF-8 to systemd: it drops the whole line. */
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
  // systemd takes the path as it is, but for specifiers, and refuses what would have to be escaped. A name is looked
  // up.
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
    ...plan.comments.map(text => `# ${text}`),
    ...plan.environment.map(assignment => `Environment=${quoteArgument(assignment, true)}`),
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
      ? [
          "# The directory holds a socket of the .socket unit too, which outlives the service.",
          "RuntimeDirectoryPreserve=yes",
        ]
      : []),
    "# Where the last good release is noted: it is started if the first start after a restart fails.",
    `StateDirectory=${name}`,
    "# Each generation gets a cgroup of its own.",
    "Delegate=yes",
    "# The service doesn't end when the kernel kills one process for memory.",
    "OOMPolicy=continue",
    ...(plan.fdstoreMax > 0 ? [`FileDescriptorStoreMax=${plan.fdstoreMax}`] : []),
    `SyslogIdentifier=${plainValue(name)}`,
    "",
    ...hardening(plan),
    "",
    "[Install]",
    `WantedBy=${scope === "system" ? "multi-user" : "default"}.target`,
    `Also=${name}.socket`,
  ]);
}

/** The same as in units/, which says why each line is there. */
function hardening({ scope, user, confines }: UnitPlan): string[] {
  const asUser = user === undefined ? [] : [`User=${user}`];
  if (confines) return ["# What confines the app is set up by the command, which needs rights for that.", ...asUser];
  const everywhere = [
    "NoNewPrivileges=yes",
    "RestrictSUIDSGID=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
  ];
  if (scope === "user") return everywhere;
  return [
    ...(user === undefined
      ? ["# A user that exists while the unit runs, and writes to /tmp and StateDirectory= only.", "DynamicUser=yes"]
      : [`User=${user}`, "ProtectSystem=full", "PrivateTmp=yes"]),
    ...everywhere,
    // Without them root couldn't read its users' files.
    ...(user === "root" ? [] : ["CapabilityBoundingSet="]),
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "PrivateDevices=yes",
    "ProtectProc=invisible",
  ];
}

/** @throws {RangeError} when something can't be written into a unit file */
export function socketFile(plan: UnitPlan): UnitFile {
  const { name, socketName, sockets } = plan;
  const listen = sockets.map(({ type, address }) => `${LISTEN_SETTINGS[type]}=${plainValue(address)}`);
  return file(plan, "socket", [
    "[Unit]",
    `Description=Sockets of ${name}`,
    "",
    "[Socket]",
    ...listen,
    ...(new Set(listen).size < listen.length
      ? ["# Each of the equal lines is an accept queue of its own: one for each worker.", "ReusePort=yes"]
      : []),
    ...(sockets.some(isTcp)
      ? [
          "# The app's writes go out at once: the second part of an answer doesn't wait for a client's ACK.",
          "NoDelay=yes",
        ]
      : []),
    ...(socketName === undefined ? [] : [`FileDescriptorName=${plainValue(socketName)}`]),
    "",
    "[Install]",
    "WantedBy=sockets.target",
  ]);
}

/**
 * $1 is the link, $2 the service, $3 what looks again. While this runs systemd doesn't watch, so that it looks again itself; and
 * it waits for what a deployment does next. Between its last look and its end nobody looks: $3 does that, when systemd watches.
 */
const RELEASE_SCRIPT = [
  "seen=$STATE_DIRECTORY/seen",
  "failed=0",
  'while now=$(readlink -f "$1") && [ "$now" != "$(cat "$seen" 2>/dev/null)" ]',
  'do echo "$now" >"$seen" || exit',
  "sleep 1",
  '[ "$(readlink -f "$1")" = "$now" ] || continue',
  // A release that fails is followed by one that doesn't, perhaps by now.
  'SYSTEMCTL try-reload-or-restart "$2"',
  "failed=$?",
  "done",
  // Not where the file can't be written: it would find a difference for ever.
  'SYSTEMCTL restart --no-block "$3"',
  "exit $failed",
].join("; ");

/** $1 is the link, $2 what reloads. */
const AGAIN_SCRIPT = [
  "sleep 1",
  'now=$(readlink -f "$1") || exit 0',
  '[ "$now" = "$(cat "$STATE_DIRECTORY/seen")" ] || SYSTEMCTL start --no-block "$2"',
].join("; ");

/** Three units that reload the service when the link is switched. @throws {RangeError} when that can't be written */
export function releaseFiles(plan: UnitPlan, link: string): UnitFile[] {
  const { name, scope } = plan;
  const release = { name: `${name}-release`, scope };
  const again = { name: `${name}-release-again`, scope };
  const shell = (script: string, ...args: readonly string[]) => {
    const text = script.replaceAll("SYSTEMCTL", scope === "user" ? "systemctl --user" : "systemctl");
    return `ExecStart=${commandLine(["/bin/sh", "-c", text, "sh", link, ...args])}`;
  };
  const state = ["# Where the link has led before.", `StateDirectory=${release.name}`];
  return [
    file(release, "path", [
      "[Unit]",
      `Description=Releases of ${name}`,
      "",
      "[Path]",
      "# A switch puts another link into this directory; systemd would watch where the link leads, not the link.",
      `PathChanged=${plainValue(link.replace(/\/[^/]*$/, "") || "/")}`,
      "",
      "[Install]",
      `WantedBy=${scope === "system" ? "multi-user" : "default"}.target`,
    ]),
    file(release, "service", [
      "[Unit]",
      `Description=Reload of ${name} where its release is another one`,
      "# Whatever changes in that directory starts this.",
      "StartLimitIntervalSec=0",
      "",
      "[Service]",
      "Type=oneshot",
      ...state,
      shell(RELEASE_SCRIPT, `${name}.service`, `${again.name}.service`),
    ]),
    file(again, "service", [
      "[Unit]",
      `Description=One more look at the release of ${name}`,
      "# systemd doesn't see a switch that comes just as the service above ends.",
      "StartLimitIntervalSec=0",
      "",
      "[Service]",
      "Type=oneshot",
      ...state,
      shell(AGAIN_SCRIPT, `${release.name}.service`),
    ]),
  ];
}

function isTcp({ type, address }: UnitPlan["sockets"][number]): boolean {
  return type === "stream" && !/^[/@]/.test(address);
}

/** systemd removes a RuntimeDirectory= when the service stops, with all that is in it. */
function isInRuntimeDirectory(address: string, { name, scope }: UnitPlan): boolean {
  const directory = scope === "system" ? `(/var)?/run/${name}` : `/run/user/\\d+/${name}`;
  return new RegExp(`^${directory.replaceAll(".", "\\.")}/`).test(address);
}

function file({ name, scope }: Pick<UnitPlan, "name" | "scope">, suffix: string, lines: readonly string[]): UnitFile {
  const path = `${scope === "system" ? "/etc/systemd/system" : "~/.config/systemd/user"}/${name}.${suffix}`;
  return { path, text: `# ${path}\n${lines.join("\n")}\n` };
}
