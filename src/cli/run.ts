// zerodown run: supervise a command.

import { symlinkSync } from "node:fs";
import { resolve } from "node:path";
import type { Method } from "../control/connection.js";
import { ControlListener, type SavedListener } from "../control/listener.js";
import { CONTROL_NAME } from "../control/locate.js";
import { ADOPT, receivedEnvironment, receivedState } from "../launcher/received.js";
import { listeningSockets, whyUnseen } from "../linux/accepting/listening.js";
import { EX_CANTCREAT, EX_CONFIG, EX_NOPERM, EX_OSERR } from "../linux/exit-codes.js";
import type { Listen } from "../linux/sockets/address.js";
import { bindSocket } from "../linux/sockets/bind.js";
import { describeFd } from "../linux/sockets/describe.js";
import { keptName, SocketFiles } from "../linux/sockets/files.js";
import { groupQueues, isSameAddress, type Queues, socketsOf } from "../linux/sockets/queues.js";
import { removeSocketFile } from "../linux/sockets/remove.js";
import { leaveStderrAlone } from "../linux/stderr.js";
import { awaitsAccepting } from "../machine/accepting.js";
import { USUAL_WEIGHT } from "../machine/boot.js";
import { upgraded } from "../machine/news.js";
import type { State } from "../machine/state.js";
import { type NativeError, native } from "../native/index.js";
import { Hook } from "../supervisor/hook.js";
import { LastGood } from "../supervisor/last-good.js";
import { createLog, type Log } from "../supervisor/log.js";
import { watchMemory } from "../supervisor/memory.js";
import { outside } from "../supervisor/outside.js";
import { Supervisor } from "../supervisor/supervisor.js";
import { FdStore, type Owner } from "../systemd/as-manager/fd-store.js";
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
  stateDirectory,
} from "../systemd/as-service/runtime-directory.js";
import { watchdogTimeout } from "../systemd/as-service/watchdog.js";
import { CommandError, UsageError } from "./errors.js";
import { helpText } from "./options/help.js";
import { adoptCgroup, takeCgroup } from "./run/cgroup.js";
import type { Document } from "./run/document.js";
import { asGiven } from "./run/given.js";
import { checkMappedNumbers, checkProbeName, checkSignals, parseRunOptions, type RunOptions } from "./run/options.js";
import { RUN } from "./run/table.js";

declare const VERSION: string;

/** The supervisor that this one replaces has executed it: see run/upgrade.ts. */
export async function goOn(args: readonly string[]): Promise<void> {
  const { env } = process;
  const { [ADOPT]: descriptor = "" } = env;
  delete env[ADOPT];
  delete env.LD_PRELOAD;
  native.closeOnExec();
  const { receiveDocument } = await import("./run/document.js");
  await run(args, receiveDocument(descriptor));
}

/** Asked by a supervisor that may be replaced by this program: whether it would understand all that it would take over. */
export async function checkUpgrade(args: readonly string[]): Promise<void> {
  const [{ readDocument }, { sayVerdict }] = await Promise.all([import("./run/document.js"), import("./run/prove.js")]);
  sayVerdict(VERSION, document => {
    parseRunOptions(args);
    readDocument(document);
  });
}

/** @param document what another supervisor hands over, where this one goes on from that */
export async function run(args: readonly string[], document?: Document): Promise<void> {
  const options = parseRunOptions(args);
  if (options === null) {
    process.stdout.write(helpText(RUN));
    return;
  }
  checkSignals(options);
  if (!document) checkRoom(options);
  const received = receivedEnvironment();
  const { env: environment } = process;
  const write = createLog(environment);
  const log: Log = (priority, text, news) => {
    write(priority, text, news);
    if (news) hook?.tell(news, text);
  };

  const notifier = new Notifier(environment, why => log("warning", why));
  const fdstoreMax = options.fdstoreMax ?? outerStoreMax(environment, log);
  const store = new FdStore(fdstoreMax, notifier, what => log("debug", `fd store: ${what}`));
  const passed = document?.sockets ?? receiveSockets(environment, store, why => log("warning", why));
  if (document) store.adopt(document.stored);
  else checkNames(passed, options);
  const given = asGiven(args, received, document?.directory);
  const leftovers: (() => void)[] = [];
  process.once("exit", () => cleanUp(leftovers));
  const bound = options.listen.flatMap(listen => {
    const isQueue = options.listen.filter(other => isSameAddress(other, listen)).length > 1;
    const socket = document ? [] : [bind(listen, isQueue)];
    leftovers.push(() => removeFileOf(listen));
    return socket;
  });
  const sockets = [...passed, ...bound];
  store.leaveOut(sockets);
  const addresses = options.sharesQueues ? groupQueues(sockets) : sockets.map(socket => [socket]);
  if (!document) {
    checkQueues(addresses, options.workers);
    // An earlier supervisor may have been allowed to store more.
    checkMappedNumbers(options, addresses.length, Math.max(fdstoreMax, store.fds.length));
  }
  const runtimeDirectory = document?.runtimeDirectory ?? makeRuntimeDirectory(environment, log);
  leftovers.push(() => removeRuntimeDirectory(runtimeDirectory));

  const fds = sockets.map(({ fd }) => fd);
  const files = new SocketFiles(fds, log, document?.files);
  leftovers.push(() => files.close());

  const listening = listeningSockets(fds);
  const unseen = listening.length > 0 ? whyUnseen(listening[0]!.fd) : "there is no socket to accept on";
  if (!document && awaitsAccepting(options.ready) && unseen !== undefined) {
    throw new CommandError(`--ready ${options.ready}: what accepts can't be seen: ${unseen}`, EX_CONFIG);
  }

  const cgroup = document ? adoptCgroup(document) : takeCgroup(environment, options, log);
  const asReceived = document?.received ?? receivedState();
  const launch = {
    ...options,
    ...given,
    environment: received,
    ...asReceived,
    fds: (slot: number) => socketsOf(addresses, slot),
    stored: (owner: Owner) => store.fdsOf(owner),
    fdstoreMax,
    cgroup,
    runtimeDirectory: runtimeDirectory.path,
  };
  const hook = given.onEvent === undefined ? undefined : new Hook(given.onEvent, launch, outside, log);
  const supervisor = new Supervisor({
    config: {
      pid: process.pid,
      watchdog: watchdogOf(environment, log),
      seesAccepting: unseen === undefined,
      queues: Math.max(1, ...addresses.map(({ length }) => length)),
      ...options,
      bootWeight: cgroup?.weighs ? options.bootWeight : USUAL_WEIGHT,
    },
    launch,
    lastGood: new LastGood(stateDirectory(environment), launch, log),
    sockets: fds,
    listening: slot => listeningSockets(socketsOf(addresses, slot).map(({ fd }) => fd)),
    files,
    killStrays: options.killStrays,
    unreaped: () => hook?.unreaped ?? [],
    outside,
    notifier,
    store,
    log,
    stopOn: options.stopOn,
    reloadSignals: options.reloadSignals,
    passSignals: options.passSignals,
    // The answers of the same step to clients are written by promises, which are done by then.
    // With KillMode=mixed systemd kills an ExecReload= that is still there when we are not.
    exit: status =>
      setImmediate(() => (control ? control.whenAlone(() => process.exit(status)) : process.exit(status))),
  });
  // The socket of probes stands between.
  const beforeStored = addresses.length + Math.min(options.probes.length, 1);
  const save = (): Document => ({
    ...{ version: VERSION, sockets, runtimeDirectory, directory: given.directory, received: asReceived },
    ...{ supervisor: supervisor.save(), hook: hook?.save() ?? null, stored: store.save(), files: files.save() },
    ...{ cgroup: cgroup?.save() ?? null, notifier: notifier.save(), control: control?.save() ?? null },
  });
  const upgrade = async (): Promise<never> => {
    const { upgrade } = await import("./run/upgrade.js");
    return upgrade({ version: VERSION, environment: received, supervisor, notifier, control, log, save });
  };
  const about = { supervisor, addresses, store, beforeStored };
  const served = { ...about, version: VERSION, before: document?.version, upgrade };
  if (given.watch.length > 0) {
    const { startWatching } = await import("./run/watch.js");
    const own = [runtimeDirectory.path, ...ownFiles(options)];
    startWatching(given.watch, { supervisor, log, outside, environment, own, goesOn: document !== undefined });
  }
  if (document) supervisor.adopt(document.supervisor);
  if (document?.hook) hook?.adopt(document.hook);
  const control = openControl(options.control, runtimeDirectory.path, served, log, document?.control);
  leftovers.push(() => control?.close());
  if (document) {
    tellGoingOn(document, supervisor.state, notifier, log);
    native.releaseSignals();
  } else {
    log("info", sockets.length > 0 ? `sockets: ${addresses.map(nameOfAddress).join(", ")}` : NO_SOCKETS);
    if (store.fds.length > 0) log("info", `stored before: ${store.fds.map(nameOf).join(", ")}`);
  }
  leaveStderrAlone();
  if (!document) supervisor.start();
  if (Number.isFinite(options.maxMemory)) watchMemory(options.maxMemory, supervisor, outside);
  // Whatever goes wrong in here, the generations that serve go on serving.
  process.on("uncaughtException", error => log("err", `internal error, going on: ${error.stack}`));
}

/** Of what another supervisor hands over, the notifier's share comes last: the fd store tells it of names, too. */
function tellGoingOn({ version, notifier: saved }: Document, state: State, notifier: Notifier, log: Log): void {
  notifier.adopt(saved);
  const line = `zerodown ${VERSION} has taken over from zerodown ${version}, and the service goes on`;
  log("notice", line, upgraded(state));
  notifier.send([`STATUS=${state.told}`]);
}

const NO_SOCKETS =
  "no sockets, neither from systemd nor by --listen: what the app binds itself, its next generation can't bind";

function checkRoom({ workers, ready, surge, probes, beforeDrain }: RunOptions): void {
  const lack = workers > 1 ? outside.whatLacks({ workers, ready, surge, probes, beforeDrain, pids: [] }) : undefined;
  if (lack !== undefined) throw new CommandError(`--workers ${workers}: ${lack}`, EX_OSERR);
}

function receiveSockets(environment: NodeJS.ProcessEnv, store: FdStore, ignored: (why: string) => void): PassedFd[] {
  try {
    const passed = store.adopt(listenFds(environment, ignored));
    refuseConnections(passed);
    return passed;
  } catch (error) {
    if (error instanceof ListenFdsError) throw new CommandError(error.message, EX_CONFIG, { cause: error });
    throw error;
  }
}

/** The size of systemd's own store, as it says since 254. */
function outerStoreMax({ FDSTORE = "0" }: NodeJS.ProcessEnv, log: Log): number {
  if (/^\d+$/.test(FDSTORE)) return Number(FDSTORE);
  log("warning", `FDSTORE="${FDSTORE}" isn't a count: nothing will be stored`);
  return 0;
}

function watchdogOf(environment: NodeJS.ProcessEnv, log: Log): number {
  try {
    return watchdogTimeout(environment, process.pid);
  } catch (error) {
    log("warning", (error as Error).message);
    return 0;
  }
}

function checkNames(passed: readonly PassedFd[], options: RunOptions): void {
  const { listen } = options;
  checkProbeName(
    options,
    [...passed, ...listen].map(({ name }) => name),
  );
  const names = new Set(passed.map(({ name }) => name));
  for (const [index, one] of listen.entries()) {
    const { name, text } = one;
    if (name === undefined || listen.slice(0, index).some(other => isSameAddress(other, one))) continue;
    if (names.has(name)) throw new UsageError(`--listen ${name}=${text}: there is a socket named "${name}" already`);
    names.add(name);
  }
}

function bind(listen: Listen, reusePort: boolean): PassedFd {
  try {
    return { fd: bindSocket(listen, { reusePort }), name: listen.name ?? UNNAMED };
  } catch (error) {
    const { code, message } = error as NativeError;
    const status = /^E(ACCES|PERM)$/.test(code) ? EX_NOPERM : EX_OSERR;
    throw new CommandError(`--listen ${listen.text}: ${message}`, status, { cause: error });
  }
}

/** Without a worker of its own, or one that it is shared with, a queue's clients would wait for ever. */
function checkQueues(addresses: readonly Queues<PassedFd>[], workers: number): void {
  const crowded = addresses.find(({ length }) => length > workers);
  if (!crowded) return;
  const { length } = crowded;
  const what = `${nameOf(crowded[0]!)} has ${length} accept queues, and each takes a worker`;
  throw new CommandError(`--workers ${workers}: ${what}: give --workers ${length} or more, or fewer queues`, EX_CONFIG);
}

function openControl(
  given: string | undefined,
  runtimeDirectory: string,
  served: Parameters<typeof import("../control/service.js").controlMethods>[0],
  log: Log,
  saved: SavedListener | null | undefined,
) {
  if (given === "none") return undefined;
  const usual = `${runtimeDirectory}/${CONTROL_NAME}`;
  // Loaded with the first client: a supervisor that nobody asks anything does without.
  let loaded: Promise<ReadonlyMap<string, Method>> | undefined;
  const methods = () => {
    loaded ??= import("../control/service.js").then(({ controlMethods }) => controlMethods(served));
    return loaded;
  };
  const onProblem = (what: string) => log("warning", what);
  if (saved !== undefined) return saved ? ControlListener.adopt(saved, methods, onProblem) : undefined;
  try {
    const listener = ControlListener.bind(resolve(given ?? usual), methods, onProblem);
    // Commands look for the socket there.
    if (given !== undefined) symlinkSync(listener.path, usual);
    return listener;
  } catch (error) {
    throw new CommandError(`--control ${given ?? usual}: ${(error as NativeError).message}`, EX_CANTCREAT, {
      cause: error,
    });
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

/** Files of its sockets, which are put back, and have a second name. */
function ownFiles({ listen, control }: RunOptions): string[] {
  const files = listen.flatMap(({ address }) => (address.family === "unix" ? [address.name] : []));
  const named = files.filter(name => name.startsWith("/")).flatMap(name => [name, keptName(name)]);
  return control === undefined || control === "none" ? named : [...named, resolve(control)];
}

function removeFileOf({ address }: Listen): void {
  if (address.family === "unix" && address.name.startsWith("/")) removeSocketFile(address.name);
}

function makeRuntimeDirectory(environment: NodeJS.ProcessEnv, log: Log): RuntimeDirectory {
  try {
    return createRuntimeDirectory(environment, what => log("warning", what));
  } catch (error) {
    throw new CommandError((error as Error).message, EX_CANTCREAT, { cause: error });
  }
}

function nameOf({ fd, name }: PassedFd): string {
  return name === UNNAMED ? describeFd(fd) : `${name} (${describeFd(fd)})`;
}

function nameOfAddress(queues: Queues<PassedFd>): string {
  const name = nameOf(queues[0]!);
  return queues.length > 1 ? `${name} with ${queues.length} queues` : name;
}
