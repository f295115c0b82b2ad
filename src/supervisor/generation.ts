// One process of a generation outside the machine: its signals, its end, and what it leaves.

import { closeSync } from "node:fs";
import { constants } from "node:os";
import { removeTreeInPieces } from "../linux/remove-tree.js";
import { removeSocketFile } from "../linux/sockets/remove.js";
import type { Address } from "../machine/events.js";
import type { End } from "../machine/outcome.js";
import { type ExitStatus, native } from "../native/index.js";
import { type Cgroup, hasOomKill } from "../systemd/as-service/cgroup.js";
import { directoryOf } from "../systemd/as-service/runtime-directory.js";
import { endOf } from "./end-of.js";
import type { Launch, Start } from "./launch.js";
import type { Outside } from "./outside.js";
import {
  adoptParts,
  closeAll,
  leftBehind,
  openParts,
  type Parts,
  type PartsListener,
  removeCgroup,
  type SavedParts,
  saveParts,
  weigh,
} from "./parts.js";
import type { ProbeSocket } from "./probe-socket.js";
import { callAt } from "./timers.js";

export interface Listener extends PartsListener {
  /** The main process has ended, but others of its cgroup have not. */
  onDying(): void;
  onExit(end: End): void;
}

/** The main process has ended, and others of its cgroup are awaited. */
interface Dying {
  /** How it ended. */
  readonly end: End;
  /** When the others are given up, µs of the clock. */
  readonly giveUpAt: number;
}

/** What it takes to go on with a process: plain data, which JSON can hold. */
export interface SavedProcess extends SavedParts {
  readonly dying: Dying | null;
  /** Where it has one. */
  readonly channel: { readonly fd: number } | null;
}

/** Time to wait for processes that SIGKILL doesn't end, because they hang in the kernel. µs */
const KILL_PATIENCE = 10e6;
/** Time between two looks at a process whose end nothing tells. ms */
const LOOK_EVERY = 10;

/** What it is known by: "7/2". */
export function processKey({ generation, process }: Address): string {
  return `${generation}/${process}`;
}

/** Whom that names. */
export function addressIn(key: string): Address {
  const [generation, process] = key.split("/").map(Number) as [number, number];
  return { generation, process };
}

export class GenerationProcess {
  /** Event sources; closed when we stop listening. */
  private readonly sources: (() => void)[];
  /** Resources that are kept until its last process is gone. */
  private readonly resources: (() => void)[];
  /** The main process was waited for: its pid may be another's. */
  private reaped = false;
  private dying: Dying | null = null;
  /** Where it hears of the processes that it gives its connections to, or gets theirs from: see handover.ts. */
  channel: number | undefined;
  /** The signals that it was sent and seemed to have no handler for. */
  private readonly unhandled = new Set<string>();

  private constructor(
    private readonly parts: Parts,
    private readonly listener: Listener,
    private readonly outside: Outside,
  ) {
    const { cgroup, pidfd, notifySocket, probeSocket, readyPipe } = parts;
    this.sources = [() => notifySocket.close(), () => readyPipe?.close()];
    if (probeSocket) this.sources.push(() => removeSocketFile(probeSocket.path));
    this.resources = [
      () => cgroup && removeCgroup(cgroup, listener),
      () => closeSync(pidfd),
      () => removeTreeInPieces(this.ownDirectory, error => listener.onProblem(leftBehind(error))),
      () => this.closeChannel(),
    ];
  }

  /** @throws {NativeError} when the child can't be started; nothing is left of it then, or soon */
  static start(start: Start, listener: Listener, launch: Launch, outside: Outside): GenerationProcess {
    const started = new GenerationProcess(openParts(start, listener, launch, outside), listener, outside);
    try {
      started.watchExit();
      return started;
    } catch (error) {
      // A child whose end nobody would learn of must not serve.
      started.kill();
      started.hearNoMore();
      started.releaseOnceGone(outside.now() + KILL_PATIENCE);
      throw error;
    }
  }

  /** Goes on with one that was started before, and with what it has said and done that nobody has read yet. */
  static adopt(saved: SavedProcess, listener: Listener, outside: Outside): GenerationProcess {
    const adopted = new GenerationProcess(adoptParts(saved, listener, outside), listener, outside);
    adopted.channel = saved.channel?.fd;
    if (saved.dying) adopted.awaitOthers(saved.dying);
    else adopted.watchExit();
    return adopted;
  }

  save(): SavedProcess {
    const channel = this.channel === undefined ? null : { fd: this.channel };
    return { ...saveParts(this.parts), dying: this.dying, channel };
  }

  get pid(): number {
    return this.parts.pid;
  }

  /** Where its processes are; undefined: in the process group of the first. */
  get cgroup(): Cgroup | undefined {
    return this.parts.cgroup;
  }

  /** Where probes reach it. */
  get probeSocket(): ProbeSocket | undefined {
    return this.parts.probeSocket;
  }

  /** The path of its own directory, which is there where its command names it. */
  get ownDirectory(): string {
    return directoryOf(this.parts.notifySocket.path);
  }

  /** Whether its main process has ended, be it that nobody has been told yet. */
  get hasEnded(): boolean {
    return this.outside.readable(this.parts.pidfd);
  }

  /** The pid of the main process, for as long as nobody has waited for that. */
  get unreaped(): number | undefined {
    return this.reaped ? undefined : this.pid;
  }

  /** Signals the main process. */
  signal(signal: NodeJS.Signals): void {
    if (this.reaped) return;
    if (this.outside.isUnhandled(this.pid, signal)) this.unhandled.add(signal);
    this.send(this.pid, signal);
  }

  /** The weight of its cgroup from now on. */
  weigh(weight: number): void {
    weigh(this.cgroup, weight, this.listener);
  }

  /** Kills every process. */
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
    this.parts.notifySocket.complain(kind, what);
  }

  /** Takes what it has said already, before its silence is held against it. */
  listen(): void {
    this.parts.notifySocket.drain();
  }

  /** It hands over connections, or takes some, and hears of that on this socket. */
  offer(fd: number): void {
    const channel = native.duplicate(fd);
    this.closeChannel();
    this.channel = channel;
  }

  private closeChannel(): void {
    if (this.channel !== undefined) native.closeAside(this.channel);
    this.channel = undefined;
  }

  /** Closes all that was opened for it. */
  release(): void {
    this.hearNoMore();
    closeAll(this.resources.splice(0), this.listener);
  }

  private hearNoMore(): void {
    closeAll(this.sources.splice(0), this.listener);
  }

  private watchExit(): void {
    // With KillMode=control-group systemd stops us and then the app: who ends by that has not crashed.
    const exited = this.outside.afterSignals(() => this.exited(stop));
    const stop = this.outside.watch(this.parts.pidfd, false, exited);
    this.sources.push(stop);
  }

  /** Looks again and again until the killed processes are gone, because no event tells it. */
  private releaseOnceGone(giveUpAt: number): void {
    this.reaped ||= this.isCollected();
    const isGone = this.reaped && !this.cgroup?.isPopulated;
    if (isGone || this.outside.now() >= giveUpAt) return this.release();
    this.outside.after(LOOK_EVERY, () => this.releaseOnceGone(giveUpAt));
  }

  private isCollected(): boolean {
    try {
      return this.outside.reap(this.parts.pidfd) !== null;
    } catch (error) {
      // As PID 1 the supervisor waits for every child that no generation of its list claims.
      if ((error as NodeJS.ErrnoException).code === "ECHILD") return true;
      throw error;
    }
  }

  private exited(stop: () => void): void {
    // The main process is still a zombie, so its pid, and with it the group's, can't be another's yet.
    this.kill();
    this.listen();
    const status = this.outside.reap(this.parts.pidfd);
    if (status === null) return;
    stop();
    this.reaped = true;
    const end = this.endOf(status);
    // What handles a signal may still end itself by it, when its work is done.
    if ("name" in end && this.unhandled.has(end.name)) this.listener.onProblem(unhandledText(end.name));
    if (!this.cgroup?.isPopulated) return this.listener.onExit(end);
    this.awaitOthers({ end, giveUpAt: this.outside.now() + KILL_PATIENCE });
    this.listener.onDying();
  }

  private endOf(status: ExitStatus): End {
    const end = endOf(status);
    const isOom = status.signal === constants.signals.SIGKILL && hasOomKill(this.cgroup?.read("memory.events"));
    return "name" in end && isOom ? { ...end, name: `${end.name} (out of memory)` } : end;
  }

  /** Tells how it ended when none of its processes is left, as far as that can be told. */
  private awaitOthers(dying: Dying): void {
    this.reaped = true;
    this.dying = dying;
    const cgroup = this.cgroup!;
    const tell = () => this.listener.onExit(dying.end);
    try {
      this.sources.push(cgroup.whenEmpty(tell));
    } catch (error) {
      this.listener.onProblem(`the end of all of its processes can't be awaited: ${(error as Error).message}`);
      this.sources.push(this.outside.after(0, tell));
      return;
    }
    const giveUp = () => {
      const left = cgroup.pids.join(", ");
      this.listener.onProblem(`left behind, for SIGKILL doesn't end them within 10s: processes ${left}`);
      tell();
    };
    this.sources.push(callAt(this.outside, dying.giveUpAt, giveUp));
  }

  private send(pid: number, signal: NodeJS.Signals): void {
    try {
      this.outside.kill(pid, signal);
    } catch {
      // The process is gone (ESRCH), and its exit will tell; or it took other credentials (EPERM), so that we may not
      // signal it.
    }
  }
}

function unhandledText(signal: string): string {
  return (
    `it had no handler for ${signal}, which ended it in the middle of its work, with the requests that it had accepted. ` +
    "Let it handle that, as the library's serve() does, or choose another signal (--stop-signal, --pass-signal)"
  );
}
