// The options of `zerodown run`.

import { parseArgs } from "node:util";
import { type Listen, parseListen, type SocketType } from "../../linux/sockets/address.js";
import type { ReadyMode } from "../../machine/config.js";
import { STOP_SIGNALS } from "../../machine/events.js";
import type { KillStrays } from "../../supervisor/strays.js";
import {
  choiceOption,
  countOption,
  parseArguments,
  parseValue,
  signalOption,
  timeOption,
  UsageError,
} from "../options.js";

export interface RunOptions {
  readonly command: readonly string[];
  /** In the order given. */
  readonly listen: readonly Listen[];
  readonly ready: ReadyMode;
  /** Times are microseconds, `Infinity` for none. */
  readonly readyDelay: number;
  readonly startTimeout: number;
  readonly stopTimeout: number;
  readonly settle: number;
  readonly stopSignal: NodeJS.Signals;
  readonly stopOn: readonly NodeJS.Signals[];
  readonly reloadSignals: readonly NodeJS.Signals[];
  readonly passSignals: readonly NodeJS.Signals[];
  readonly onCrash: "restart" | "exit";
  readonly killStrays: KillStrays;
  readonly envFile: string | undefined;
  readonly workingDirectory: string | undefined;
  /** How many descriptors generations may store; undefined: as many as systemd keeps. */
  readonly fdstoreMax: number | undefined;
  /** The control socket's path; undefined for the usual place. */
  readonly control: string | undefined;
}

export const RUN_HELP = `Usage: zerodown run [options] -- COMMAND [ARG…]

Supervises COMMAND. On SIGHUP starts it again from what is on disk, waits until the new generation is ready, and only
then stops the old one. Sockets come from systemd (LISTEN_FDS) and from --listen; COMMAND gets them as LISTEN_FDS.

Sockets (ADDR as in ListenStream=: 8080, 127.0.0.1:8080, [::1]:8080, /run/app.sock, @abstract; repeatable)
  --listen [NAME=]ADDR             bind and listen
  --listen-datagram [NAME=]ADDR    bind a datagram socket
  --listen-seqpacket [NAME=]ADDR   bind and listen, sequential packets

A generation's life (TIME: 90, 90s, 5min, 1h 30min, infinity)
  --ready MODE             how it becomes ready (default: notify)
                             notify      it sends READY=1 to $NOTIFY_SOCKET
                             exec        as soon as it is executed
                             delay:TIME  when it has run for TIME
                             fd          it writes a newline to descriptor $ZERODOWN_READY_FD
  --start-timeout TIME     until it must be ready (default: 10min)
  --settle TIME            for how long old and new serve together after that (default: 0)
  --stop-timeout TIME      until it must have ended after the stop signal; then SIGKILL (default: 90s)
  --on-crash restart|exit  when the serving one crashes (default: restart; beyond 5 crashes within 10s it exits)
  --kill-strays own|all|none
                           kills what still holds a socket when its generation has ended, and left its cgroup (default: own)
                             own   what can be told to be of a generation that has ended
                             all   also what can't be told to be of any
                             none  nothing; the log names it

Signals
  --stop-signal SIG        tells a generation to finish and exit (default: SIGINT)
  --stop-on SIG            stops zerodown (default: SIGTERM, SIGINT and SIGQUIT; repeatable)
  --reload-signal SIG      makes zerodown reload (default: SIGHUP; repeatable)
  --pass-signal SIG        is passed on to the generations that serve or drain (repeatable)

Read again for each generation
  --env-file FILE          variables for COMMAND, as EnvironmentFile= has them
  --working-directory DIR  where COMMAND starts; symbolic links are followed each time

Descriptors that a generation stores (FDSTORE=1 in sd_notify(3)) and later ones get
  --fdstore-max N          how many at a time (default: $FDSTORE, set by FileDescriptorStoreMax=, else 0)

Control
  --control PATH|none      the socket for zerodown reload and status
                           (default: in $RUNTIME_DIRECTORY, else in $XDG_RUNTIME_DIR, /run or $TMPDIR)

  --help                   this text

Example
  zerodown run --listen 8080 -- node server.js      then: kill -HUP, or systemctl reload
`;

/** The options that ask for a socket. */
export const SOCKET_TYPES: Record<string, SocketType> = {
  listen: "stream",
  "listen-datagram": "datagram",
  "listen-seqpacket": "seqpacket",
};

const one = { type: "string" } as const;
const many = { type: "string", multiple: true } as const;
/** For parseArgs. */
export const RUN_OPTIONS = {
  listen: many,
  "listen-datagram": many,
  "listen-seqpacket": many,
  ready: { ...one, default: "notify" },
  "start-timeout": { ...one, default: "10min" },
  "stop-timeout": { ...one, default: "90s" },
  settle: { ...one, default: "0" },
  "stop-signal": { ...one, default: "SIGINT" },
  "stop-on": many,
  "reload-signal": many,
  "pass-signal": many,
  "on-crash": { ...one, default: "restart" },
  "kill-strays": { ...one, default: "own" },
  "env-file": one,
  "working-directory": one,
  "fdstore-max": one,
  control: one,
  help: { type: "boolean", short: "h" },
} as const;

/**
 * Reads the arguments of `zerodown run`.
 *
 * @returns null when help is asked for
 * @throws {UsageError}
 */
export function parseRunOptions(args: readonly string[]): RunOptions | null {
  const { values, tokens, positionals } = parseArguments("run", () =>
    parseArgs({ args: [...args], options: RUN_OPTIONS, allowPositionals: true, tokens: true }),
  );
  if (values.help) return null;
  const dashes = tokens.find(token => token.kind === "option-terminator");
  const command = dashes ? args.slice(dashes.index + 1) : [];
  if (positionals.length > command.length) {
    throw new UsageError(
      `"${positionals[0]}" is not expected: the command comes after --, as in zerodown run -- ${positionals[0]}`,
    );
  }
  if (!command[0])
    throw new UsageError("no command: it comes after --, as in zerodown run --listen 8080 -- node server.js");

  const listen = tokens.flatMap(token => {
    const type = token.kind === "option" ? SOCKET_TYPES[token.name] : undefined;
    if (token.kind !== "option" || type === undefined) return [];
    return [parseValue(token.name, token.value ?? "", value => parseListen(type, value))];
  });
  const [, mode = values.ready, delay] = /^(delay):(.*)$/.exec(values.ready) ?? [];
  if (mode === "delay" && !delay) throw new UsageError(`--ready: "${values.ready}" lacks its time, as in delay:5s`);
  const options = {
    command,
    listen,
    ready: choiceOption("ready", mode, ["notify", "exec", "delay", "fd"]),
    readyDelay: mode === "delay" ? timeOption("ready", delay ?? "") : 0,
    startTimeout: timeOption("start-timeout", values["start-timeout"]),
    stopTimeout: timeOption("stop-timeout", values["stop-timeout"]),
    settle: timeOption("settle", values.settle),
    stopSignal: signalOption("stop-signal", values["stop-signal"]),
    stopOn: values["stop-on"]?.map(value => signalOption("stop-on", value)) ?? STOP_SIGNALS,
    reloadSignals: (values["reload-signal"] ?? ["SIGHUP"]).map(value => signalOption("reload-signal", value)),
    passSignals: (values["pass-signal"] ?? []).map(value => signalOption("pass-signal", value)),
    onCrash: choiceOption("on-crash", values["on-crash"], ["restart", "exit"]),
    killStrays: choiceOption("kill-strays", values["kill-strays"], ["own", "all", "none"]),
    envFile: values["env-file"],
    workingDirectory: values["working-directory"],
    fdstoreMax: values["fdstore-max"] === undefined ? undefined : countOption("fdstore-max", values["fdstore-max"]),
    control: values.control,
  };
  for (const [option, value] of [
    ["ready", options.readyDelay],
    ["settle", options.settle],
  ] as const) {
    if (value === Number.POSITIVE_INFINITY) throw new UsageError(`--${option}: with infinity no reload would ever end`);
  }
  return options;
}
