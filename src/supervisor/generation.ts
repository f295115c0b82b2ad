// One generation outside the machine: its child, its notify socket, its readiness pipe.

import { closeSync, readFileSync, readSync } from "node:fs";
import { constants } from "node:os";
import { formatEnvironment, type Variables } from "../launcher/received.js";
import { toPath, toText } from "../linux/bytes.js";
import type { ReadyMode } from "../machine/config.js";
import type { End } from "../machine/outcome.js";
import { native } from "../native/index.js";
import { childEnvironment } from "../systemd/as-manager/child-environment.js";
import type { NotifyMessage } from "../systemd/as-manager/notify-message.js";
import { NotifySocket } from "../systemd/as-manager/notify-socket.js";
import { type Cgroup, hasOomKill, type UnitCgroup } from "../systemd/as-service/cgroup.js";
import { LISTEN_FDS_START, type PassedFd } from "../systemd/as-service/listen-fds.js";
import { notifySocketIn } from "../systemd/as-service/runtime-directory.js";
import { parseEnvFile } from "../systemd/formats/env-file.js";
import type { Outside } from "./outside.js";

/**
 * What every generation is started from; all that a deployment may swap is looked up again each time. Command, directory,
 * file and environment are bytes (see systemd/bytes.ts).
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
  /** The sockets, and then what is stored. */
  readonly fds: () => readonly PassedFd[];
  /** For $FDSTORE: how many descriptors generations may store. */
  readonly fdstoreMax: number;
  /** Where generations get cgroups of their own; undefined where they can't. */
  readonly cgroup: Pick<UnitCgroup, "create"> | undefined;
  readonly ready: ReadyMode;
  readonly stopSignal: NodeJS.Signals;
  /** Where the notify sockets go. */
  readonly runtimeDirectory: string;
}

export interface Listener {
  /** The descriptors that came along are closed when it returns. */
  onMessage(message: NotifyMessage, fds: readonly number[]): void;
  /** The newline of --ready fd. */
  onReady(): void;
  /** Its main process has ended, but others of its cgroup have not. */
  onDying(): void;
  onExit(end: End): void;
  onProblem(what: string): void;
}

/** The first of several names of one signal is the usual one: SIGABRT, and not SIGIOT. */
const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals)
    .map(([name, number]) => [number, name] as const)
    .reverse(),
);

/** Of a file that isn't one of variables at all, a few lines say it. */
const TOLD_LINES = 5;

/** How long is waited for processes that SIGKILL doesn't end: they hang in the kernel. ms */
const KILL_PATIENCE = 10_000;
/** How often one of which nobody tells is looked at meanwhile. ms */
const LOOK_EVERY = 10;

/** What execvp(3) does without a PATH; as systemd compiles it in. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";

export class GenerationProcess {
  readonly pid: number;
  /** Where its processes are; undefined: in the process group of the first. */
  readonly cgroup: Cgroup | undefined;
  private readonly pidfd: number;
  private readonly notifySocket: NotifySocket;
  /** Of what tells of it. */
  private readonly closers: (() => void)[] = [];
  /** Of what is it: its cgroup, and its pidfd. */
  private readonly lastClosers: (() => void)[] = [];
  /** The main process was waited for: its pid may be another's. */
  private reaped = false;

  /** @throws {NativeError} when the child can't be started; nothing is left of it then, or soon */
  constructor(
    private readonly number: number,
    private readonly listener: Listener,
    launch: Launch,
    private readonly outside: Outside,
  ) {
    try {
      this.notifySocket = new NotifySocket(
        notifySocketIn(launch.runtimeDirectory, number),
        (message, fds) => listener.onMessage(message, fds),
        what => listener.onProblem(what),
        pid => this.cgroup?.contains(pid) !== false,
        outside.watch,
      );
      this.closers.push(() => this.notifySocket.close());
      this.cgroup = this.createCgroup(launch);
      const writer = launch.ready === "fd" ? this.openReadyPipe() : undefined;
      try {
        ({ pid: this.pid, pidfd: this.pidfd } = this.spawn(launch, writer));
      } finally {
        if (writer !== undefined) closeSync(writer);
      }
    } catch (error) {
      this.release();
      throw error;
    }
    this.lastClosers.push(() => closeSync(this.pidfd));
    this.watchExit();
  }

  /** Whether its main process has ended, be it that nobody has been told yet. */
  get hasEnded(): boolean {
    return this.outside.readable(this.pidfd);
  }

  /** Its main process, for as long as nobody has waited for it. */
  get unreaped(): number | undefined {
    return this.reaped ? undefined : this.pid;
  }

  /** To the main process. */
  signal(signal: NodeJS.Signals): void {
    if (!this.reaped) this.send(this.pid, signal);
  }

  /** To every process. */
  kill(): void {
    try {
      if (this.cgroup?.isFrozen) this.listener.onProblem("its cgroup is frozen, so that it could act on no signal");
      this.cgroup?.kill();
    } catch (error) {
      this.listener.onProblem(`its cgroup can't be killed: ${(error as Error).message}`);
    }
    if (this.reaped) return;
    this.send(-this.pid, "SIGKILL");
    // The main process may have left its process group. Its pid is its own until it is waited for.
    this.send(this.pid, "SIGKILL");
  }

  /** About what it says: one line for each kind of problem. */
  complain(kind: string, what: string): void {
    this.notifySocket.complain(kind, what);
  }

  /** Takes what it has said already, before its silence is held against it. */
  listen(): void {
    this.notifySocket.drain();
  }

  /** Closes all that was opened for it. */
  release(): void {
    this.hearNoMore();
    this.run(this.lastClosers);
  }

  private hearNoMore(): void {
    this.run(this.closers);
  }

  /** The last one first. One that fails must not keep the others from closing what is theirs. */
  private run(closers: (() => void)[]): void {
    for (const close of closers.splice(0).reverse()) {
      try {
        close();
      } catch (error) {
        this.listener.onProblem(`it leaves something behind: ${(error as Error).message}`);
      }
    }
  }

  private spawn(launch: Launch, readyWriter: number | undefined): { pid: number; pidfd: number } {
    const { command } = launch;
    const fds = launch.fds();
    const { variables, pidVariables } = childEnvironment(launch.environment, this.readEnvFile(launch.envFile), {
      generation: this.number,
      supervisorPid: process.pid,
      fds,
      fdstoreMax: launch.fdstoreMax,
      notifySocket: this.notifySocket.path,
      readyFd: readyWriter === undefined ? undefined : LISTEN_FDS_START + fds.length,
    });
    return this.outside.spawn({
      paths: lookUp(command[0]!, variables.PATH),
      argv: command,
      environment: formatEnvironment(variables),
      pidVariables,
      directory: launch.directory,
      fds: [...fds.map(({ fd }) => fd), ...(readyWriter === undefined ? [] : [readyWriter])],
      deathSignal: constants.signals[launch.stopSignal],
      ignoredSignal: launch.ignoresSigpipe ? constants.signals.SIGPIPE : 0,
      fileLimit: launch.fileLimit,
      cgroup: this.cgroup?.procsFile ?? "",
    });
  }

  /** The variables that it assigns; a line that assigns none is told, for it may have been meant to. */
  private readEnvFile(path: string | undefined): Variables {
    if (path === undefined) return {};
    const dropped: string[] = [];
    const variables = parseEnvFile(readFileSync(toPath(path), "latin1"), line => dropped.push(line));
    const more = dropped.splice(TOLD_LINES).length;
    if (more > 0) dropped.push(`${more} more lines`);
    if (dropped.length > 0) this.listener.onProblem(`left out of ${toText(path)}: ${dropped.join("; ")}`);
    return variables;
  }

  private createCgroup(launch: Launch): Cgroup | undefined {
    try {
      const cgroup = launch.cgroup?.create(this.number);
      if (cgroup) this.lastClosers.push(() => this.removeCgroup(cgroup));
      return cgroup;
    } catch (error) {
      this.listener.onProblem(`it gets no cgroup, and has a process group only: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** @returns the end that the child writes to */
  private openReadyPipe(): number {
    const [reader, writer] = native.pipe();
    this.closers.push(() => closeSync(reader));
    try {
      this.closers.push(this.watchReadyPipe(reader));
      return writer;
    } catch (error) {
      closeSync(writer);
      throw error;
    }
  }

  private watchReadyPipe(reader: number): () => void {
    const stop = this.outside.watch(reader, false, () => {
      const bytes = Buffer.alloc(4096);
      const length = readSync(reader, bytes);
      if (bytes.subarray(0, length).includes("\n")) this.listener.onReady();
      // Read to its end, so that an app that writes more gets no SIGPIPE.
      if (length === 0) stop();
    });
    return stop;
  }

  private watchExit(): void {
    try {
      const stop = this.outside.watch(this.pidfd, false, () => this.exited(stop));
      this.closers.push(stop);
    } catch (error) {
      // A child whose end nobody would learn of must not serve.
      this.kill();
      this.hearNoMore();
      this.releaseOnceGone();
      throw error;
    }
  }

  /** It was killed, and no event tells when that is done. */
  private releaseOnceGone(patience = KILL_PATIENCE): void {
    this.reaped ||= this.isCollected();
    const isGone = this.reaped && !this.cgroup?.isPopulated;
    if (isGone || patience <= 0) return this.release();
    this.outside.after(LOOK_EVERY, () => this.releaseOnceGone(patience - LOOK_EVERY));
  }

  private isCollected(): boolean {
    try {
      return this.outside.reap(this.pidfd) !== null;
    } catch (error) {
      // As PID 1 the supervisor waits for every child that no generation of its list claims.
      if ((error as NodeJS.ErrnoException).code === "ECHILD") return true;
      throw error;
    }
  }

  private exited(stop: () => void): void {
    // The main process is still a zombie, so its pid, and with it the group's, can't be another's yet.
    this.kill();
    this.notifySocket.drain();
    const end = this.outside.reap(this.pidfd);
    if (end === null) return;
    stop();
    this.reaped = true;
    const { status, signal } = end;
    this.whenEmpty(() => this.listener.onExit(signal === 0 ? { status } : { signal, name: this.signalName(signal) }));
  }

  private signalName(signal: number): string {
    const name = SIGNAL_NAMES.get(signal) ?? `signal ${signal}`;
    const isOom = signal === constants.signals.SIGKILL && hasOomKill(this.cgroup?.read("memory.events"));
    return isOom ? `${name} (out of memory)` : name;
  }

  /** Calls back when none of its processes is left, as far as that can be told. */
  private whenEmpty(callback: () => void): void {
    const { cgroup } = this;
    if (!cgroup?.isPopulated) return callback();
    try {
      this.closers.push(cgroup.whenEmpty(callback));
    } catch (error) {
      this.listener.onProblem(`the end of all of its processes can't be awaited: ${(error as Error).message}`);
      return callback();
    }
    this.listener.onDying();
    const giveUp = () => {
      const left = cgroup.pids.join(", ");
      this.listener.onProblem(`left behind, for SIGKILL doesn't end them within 10s: processes ${left}`);
      callback();
    };
    this.closers.push(this.outside.after(KILL_PATIENCE, giveUp));
  }

  private send(pid: number, signal: NodeJS.Signals): void {
    try {
      this.outside.kill(pid, signal);
    } catch {
      // It is gone (ESRCH), which its exit tells; or it took other credentials (EPERM), and we can't.
    }
  }

  private removeCgroup(cgroup: Cgroup): void {
    try {
      cgroup.remove();
    } catch (error) {
      this.listener.onProblem(`its cgroup stays: ${(error as Error).message}`);
    }
  }
}

/** Where execvp(3) would look. Relative ones are relative to the working directory of the child. */
function lookUp(command: string, path = DEFAULT_PATH): string[] {
  if (command.includes("/")) return [command];
  return path.split(":").map(directory => `${directory || "."}/${command}`);
}
