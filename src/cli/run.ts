// zerodown run: supervise a command.

import { resolve } from "node:path";
import type { Method } from "../control/connection.js";
import { ControlListener } from "../control/listener.js";
import { CONTROL_NAME } from "../control/locate.js";
import { receivedEnvironment, receivedState } from "../launcher/received.js";
import type { Listen } from "../linux/sockets/address.js";
import { bindSocket } from "../linux/sockets/bind.js";
import { describeFd } from "../linux/sockets/describe.js";
import { SocketFiles } from "../linux/sockets/files.js";
import { removeSocketFile } from "../linux/sockets/remove.js";
import { leaveStderrAlone } from "../linux/stderr.js";
import type { NativeError } from "../native/index.js";
import { createLog, type Log } from "../supervisor/log.js";
import { outside } from "../supervisor/outside.js";
import { Supervisor } from "../supervisor/supervisor.js";
import { FdStore } from "../systemd/as-manager/fd-store.js";
import { UnitCgroup } from "../systemd/as-service/cgroup.js";
import {
  ListenFdsError,
  listenFds,
  type PassedFd,
  refuseConnections,
  UNNAMED,
} from "../systemd/as-service/listen-fds.js";
import { Notifier } from "../systemd/as-service/notify.js";
import {
  createRuntimeDirectory,
  type RuntimeDirectory,
  removeRuntimeDirectory,
} from "../systemd/as-service/runtime-directory.js";
import { watchdogTimeout } from "../systemd/as-service/watchdog.js";
import { CommandError, UsageError } from "./options.js";
import { asGiven } from "./run/given.js";
import { parseRunOptions, RUN_HELP, type RunOptions } from "./run/options.js";

// sysexits.h
const EX_OSERR = 71;
const EX_CANTCREAT = 73;
const EX_NOPERM = 77;
const EX_CONFIG = 78;

declare const VERSION: string;

export function run(args: readonly string[]): void {
  const options = parseRunOptions(args);
  if (options === null) {
    process.stdout.write(RUN_HELP);
    return;
  }
  checkSignals(options);
  const received = receivedEnvironment();
  const { env: environment } = process;
  const log = createLog(environment);

  const notifier = new Notifier(environment, why => log("warning", why));
  const fdstoreMax = options.fdstoreMax ?? outerStoreMax(environment, log);
  const store = new FdStore(fdstoreMax, notifier, what => log("debug", `fd store: ${what}`));
  const passed = receiveSockets(environment, store, why => log("warning", why));
  checkNames(passed, options.listen);
  const given = asGiven(options, args, received);
  const leftovers: (() => void)[] = [];
  process.once("exit", () => cleanUp(leftovers));
  const bound = options.listen.map(listen => {
    const socket = bind(listen);
    leftovers.push(() => removeFileOf(listen));
    return socket;
  });
  const sockets = [...passed, ...bound];
  store.leaveOut(sockets);
  const runtimeDirectory = makeRuntimeDirectory(environment, log);
  leftovers.push(() => removeRuntimeDirectory(runtimeDirectory));

  const fds = sockets.map(({ fd }) => fd);
  const files = new SocketFiles(fds, log);
  leftovers.push(() => files.close());

  const supervisor = new Supervisor({
    config: { pid: process.pid, watchdog: watchdog(environment, log), ...options },
    launch: {
      ...options,
      ...given,
      environment: received,
      ...receivedState(),
      fds: () => [...sockets, ...store.fds],
      fdstoreMax,
      cgroup: takeCgroup(environment, log),
      runtimeDirectory: runtimeDirectory.path,
    },
    sockets: fds,
    files,
    killStrays: options.killStrays,
    outside,
    notifier,
    store,
    log,
    stopOn: options.stopOn,
    reloadSignals: options.reloadSignals,
    passSignals: options.passSignals,
    // What the same step answers to clients is written before: by promises, which are done by then.
    // With KillMode=mixed systemd kills an ExecReload= that is still there when we are not.
    exit: status =>
      setImmediate(() => (control ? control.whenAlone(() => process.exit(status)) : process.exit(status))),
  });
  const served = { supervisor, sockets, store };
  const control = openControl(options.control ?? `${runtimeDirectory.path}/${CONTROL_NAME}`, served, log);
  leftovers.push(() => control?.close());
  log("info", sockets.length > 0 ? `sockets: ${sockets.map(describe).join(", ")}` : NO_SOCKETS);
  if (store.fds.length > 0) log("info", `stored before: ${store.fds.map(describe).join(", ")}`);
  leaveStderrAlone();
  supervisor.start();
  // Whatever goes wrong in here, the generations that serve go on serving.
  process.on("uncaughtException", error => log("err", `internal error, going on: ${error.stack}`));
}

const NO_SOCKETS =
  "no sockets, neither from systemd nor by --listen: what the app binds itself, its next generation can't bind";

function checkSignals({ stopOn, reloadSignals, passSignals }: RunOptions): void {
  const roles = [...new Set(stopOn), ...new Set(reloadSignals), ...new Set(passSignals)];
  const twice = roles.find((signal, index) => roles.indexOf(signal) !== index);
  if (twice) {
    throw new UsageError(
      `${twice} has two meanings: each signal stops (${stopOn.join(", ")}), reloads or is passed on`,
    );
  }
}

function receiveSockets(environment: NodeJS.ProcessEnv, store: FdStore, ignored: (why: string) => void): PassedFd[] {
  try {
    const passed = store.adopt(listenFds(environment, ignored));
    refuseConnections(passed);
    return passed;
  } catch (error) {
    if (error instanceof ListenFdsError) throw new CommandError(error.message, EX_CONFIG);
    throw error;
  }
}

/** What systemd (since 254) says of its own store. */
function outerStoreMax({ FDSTORE = "0" }: NodeJS.ProcessEnv, log: Log): number {
  if (/^\d+$/.test(FDSTORE)) return Number(FDSTORE);
  log("warning", `FDSTORE="${FDSTORE}" is no count: nothing will be stored`);
  return 0;
}

function watchdog(environment: NodeJS.ProcessEnv, log: Log): number {
  try {
    return watchdogTimeout(environment, process.pid);
  } catch (error) {
    log("warning", (error as Error).message);
    return 0;
  }
}

function takeCgroup(environment: NodeJS.ProcessEnv, log: Log): UnitCgroup | undefined {
  try {
    return UnitCgroup.take(environment, what => log("notice", what));
  } catch (error) {
    const why = (error as Error).message;
    log("warning", `the unit's cgroup can't be used (${why}): generations have process groups only`);
    return undefined;
  }
}

function checkNames(passed: readonly PassedFd[], listen: readonly Listen[]): void {
  const names = new Set(passed.map(({ name }) => name));
  for (const { name, text } of listen) {
    if (name === undefined) continue;
    if (names.has(name)) throw new UsageError(`--listen ${name}=${text}: there is a socket named "${name}" already`);
    names.add(name);
  }
}

function bind(listen: Listen): PassedFd {
  try {
    return { fd: bindSocket(listen), name: listen.name ?? UNNAMED };
  } catch (error) {
    const { code, message } = error as NativeError;
    throw new CommandError(`--listen ${listen.text}: ${message}`, /^E(ACCES|PERM)$/.test(code) ? EX_NOPERM : EX_OSERR);
  }
}

function openControl(
  path: string,
  served: { supervisor: Supervisor; sockets: readonly PassedFd[]; store: FdStore },
  log: Log,
) {
  if (path === "none") return undefined;
  // Loaded with the first client: a supervisor that nobody asks anything does without.
  let loaded: Promise<ReadonlyMap<string, Method>> | undefined;
  const methods = () => {
    loaded ??= import("../control/service.js").then(({ controlMethods }) =>
      controlMethods({ ...served, version: VERSION }),
    );
    return loaded;
  };
  try {
    return new ControlListener(resolve(path), methods, what => log("warning", what));
  } catch (error) {
    throw new CommandError(`--control ${path}: ${(error as NativeError).message}`, EX_CANTCREAT);
  }
}

/** The last thing first. Nothing that fails here may keep the exit status from systemd. */
function cleanUp(leftovers: readonly (() => void)[]): void {
  for (const step of leftovers.toReversed()) {
    try {
      step();
    } catch {
      // Somebody else was faster (systemd removes RUNTIME_DIRECTORY too), or put something else there.
    }
  }
}

function removeFileOf({ address }: Listen): void {
  if (address.family === "unix" && address.name.startsWith("/")) removeSocketFile(address.name);
}

function makeRuntimeDirectory(environment: NodeJS.ProcessEnv, log: Log): RuntimeDirectory {
  try {
    return createRuntimeDirectory(environment, what => log("warning", what));
  } catch (error) {
    throw new CommandError((error as Error).message, EX_CANTCREAT);
  }
}

function describe({ fd, name }: PassedFd): string {
  return name === UNNAMED ? describeFd(fd) : `${name} (${describeFd(fd)})`;
}
