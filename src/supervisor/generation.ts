// One generation outside the machine: its child, its notify socket, its readiness pipe.

import { closeSync, readFileSync, readSync } from "node:fs";
import { constants } from "node:os";
import { native } from "../native/index.js";
import { parseEnvFile } from "../systemd/env-file.js";
import { LISTEN_FDS_START, type PassedFd } from "../systemd/listen-fds.js";
import type { NotifyMessage } from "../systemd/notify-message.js";
import { NotifySocket } from "../systemd/notify-socket.js";
import { childEnvironment } from "./child-environment.js";
import type { End, ReadyMode } from "./model.js";

/** What every generation is started from; all that a deployment may swap is looked up anew each time. */
export interface Launch {
  readonly command: readonly string[];
  /** A path: it may lead elsewhere next time. */
  readonly directory: string;
  readonly envFile: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly sockets: readonly PassedFd[];
  readonly ready: ReadyMode;
  readonly stopSignal: NodeJS.Signals;
  /** Where the notify sockets go. */
  readonly runtimeDirectory: string;
}

export interface Listener {
  onMessage(message: NotifyMessage): void;
  /** The newline of --ready fd. */
  onReady(): void;
  onExit(end: End): void;
  onProblem(what: string): void;
}

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** What execvp(3) does without a PATH; as systemd compiles it in. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";

export class GenerationProcess {
  readonly pid: number;
  private readonly pidfd: number;
  private readonly notifySocket: NotifySocket;
  private readonly closers: (() => void)[] = [];

  /** @throws {NativeError} when the child can't be started; nothing is left of it then */
  constructor(
    private readonly number: number,
    private readonly listener: Listener,
    launch: Launch,
  ) {
    try {
      this.notifySocket = new NotifySocket(
        `${launch.runtimeDirectory}/notify-${number}`,
        message => listener.onMessage(message),
        why => listener.onProblem(`a notification was dropped: ${why}`),
      );
      this.closers.push(() => this.notifySocket.close());
      const writer = launch.ready === "fd" ? this.openReadyPipe() : undefined;
      try {
        ({ pid: this.pid, pidfd: this.pidfd } = this.spawn(launch, writer));
      } finally {
        if (writer !== undefined) closeSync(writer);
      }
      this.closers.push(() => closeSync(this.pidfd));
      this.closers.push(this.watchExit());
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** To the main process. */
  signal(signal: NodeJS.Signals): void {
    sendSignal(this.pid, signal);
  }

  /** To every process of the group. */
  kill(): void {
    sendSignal(-this.pid, "SIGKILL");
  }

  /** Closes all that was opened for it. */
  release(): void {
    for (const close of this.closers.splice(0).reverse()) close();
  }

  private spawn(launch: Launch, readyWriter: number | undefined): { pid: number; pidfd: number } {
    const { command, sockets } = launch;
    const file = launch.envFile === undefined ? {} : parseEnvFile(readFileSync(launch.envFile, "utf8"));
    const { variables, pidVariables } = childEnvironment(launch.environment, file, {
      generation: this.number,
      supervisorPid: process.pid,
      sockets,
      notifySocket: this.notifySocket.path,
      readyFd: readyWriter === undefined ? undefined : LISTEN_FDS_START + sockets.length,
    });
    return native.spawn({
      paths: lookUp(command[0]!, variables.PATH),
      argv: command,
      environment: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      pidVariables,
      directory: launch.directory,
      fds: [...sockets.map(({ fd }) => fd), ...(readyWriter === undefined ? [] : [readyWriter])],
      deathSignal: constants.signals[launch.stopSignal],
      fileLimit: Number(launch.environment.ZERODOWN_FILE_LIMIT ?? -1),
    });
  }

  /** @returns the end that the child writes to */
  private openReadyPipe(): number {
    const [reader, writer] = native.pipe();
    this.closers.push(() => closeSync(reader));
    const stop = native.watch(reader, false, () => {
      const bytes = Buffer.alloc(4096);
      const length = readSync(reader, bytes);
      if (bytes.subarray(0, length).includes("\n")) this.listener.onReady();
      // Read to its end, so that an app that writes more gets no SIGPIPE.
      if (length === 0) stop();
    });
    this.closers.push(stop);
    return writer;
  }

  private watchExit(): () => void {
    try {
      return native.watch(this.pidfd, false, () => this.exited());
    } catch (error) {
      // A child whose end nobody would learn of must not serve.
      this.kill();
      throw error;
    }
  }

  private exited(): void {
    // The main process is still a zombie, so its pid, and with it the group's, can't be another's yet.
    this.kill();
    this.notifySocket.drain();
    const end = native.reap(this.pidfd);
    if (end === null) return;
    const { status, signal } = end;
    this.listener.onExit(signal === 0 ? { status } : { signal, name: SIGNAL_NAMES.get(signal) ?? `signal ${signal}` });
  }
}

/** Where execvp(3) would look. Relative ones are relative to the working directory of the child. */
function lookUp(command: string, path = DEFAULT_PATH): string[] {
  if (command.includes("/")) return [command];
  return path.split(":").map(directory => `${directory || "."}/${command}`);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone (ESRCH), which its exit tells; or it took other credentials (EPERM), and we can't.
  }
}
