// The parts of a generation's process: the child, where it is, and how it is heard. They are opened for a new child, or
// taken over with one that runs.

import { closeSync, mkdirSync } from "node:fs";
import { removeTree } from "../linux/remove-tree.js";
import { removeSocketFile } from "../linux/sockets/remove.js";
import { USUAL_WEIGHT } from "../machine/boot.js";
import type { NotifyMessage } from "../systemd/as-manager/notify-message.js";
import { type NotifyListener, NotifySocket, type SavedNotifySocket } from "../systemd/as-manager/notify-socket.js";
import { Cgroup } from "../systemd/as-service/cgroup.js";
import { directoryOf, notifySocketIn, probeSocketIn, workerSocketIn } from "../systemd/as-service/runtime-directory.js";
import { type Launch, launchChild, type Start } from "./launch.js";
import type { Outside } from "./outside.js";
import { namesIn } from "./placeholders.js";
import { bindProbeSocket, type ProbeSocket } from "./probe-socket.js";
import { ReadyPipe } from "./ready-pipe.js";

export interface PartsListener {
  /** The descriptors that came along are closed when it returns. */
  onMessage(message: NotifyMessage, fds: readonly number[]): void;
  /** The newline of --ready fd. */
  onReady(): void;
  onProblem(what: string): void;
}

export interface Parts {
  readonly pid: number;
  readonly pidfd: number;
  /** Where its processes are; undefined: in the process group of the first. */
  readonly cgroup: Cgroup | undefined;
  readonly notifySocket: NotifySocket;
  /** Where there are probes. */
  readonly probeSocket: ProbeSocket | undefined;
  /** With --ready fd. */
  readonly readyPipe: ReadyPipe | undefined;
}

/** What it takes to go on with them: plain data, which JSON can hold. */
export interface SavedParts {
  readonly pid: number;
  readonly pidfd: number;
  /** As /proc/PID/cgroup has it. */
  readonly cgroup: string | null;
  readonly notifySocket: SavedNotifySocket;
  readonly probeSocket: ProbeSocket | null;
  /** The end that the supervisor reads. */
  readonly readyPipe: number | null;
}

/** @throws {NativeError} when the child can't be started; nothing is left then of what was opened for it */
export function openParts(start: Start, listener: PartsListener, launch: Launch, outside: Outside): Parts {
  const opened: (() => void)[] = [];
  const passed: number[] = [];
  try {
    const cgroup = createCgroup(start, listener, launch);
    if (cgroup) opened.push(() => removeCgroup(cgroup, listener));
    const path = notifyPath(start, launch);
    const notifySocket = NotifySocket.bind(path, notifyListener(listener, cgroup), outside.watch);
    opened.push(() => notifySocket.close());
    const ownDirectory = directoryOf(path);
    if ([...launch.command, ...launch.probes].some(text => namesIn(text).includes("runtime"))) {
      opened.push(() => removeTree(ownDirectory));
      removeTree(ownDirectory);
      mkdirSync(ownDirectory, { mode: 0o700 });
    }
    const [readyPipe, readyWriter] =
      launch.ready === "fd" ? ReadyPipe.open(() => listener.onReady(), outside.watch) : [];
    if (readyPipe) opened.push(() => readyPipe.close());
    if (readyWriter !== undefined) passed.push(readyWriter);
    const isToAnswer = start.isTrial || launch.probes.length > 0;
    const [probeSocket, probe] = isToAnswer ? bindProbeSocket(probePath(start, launch)) : [];
    if (probeSocket) opened.push(() => removeSocketFile(probeSocket.path));
    if (probe !== undefined) passed.push(probe);
    const berth = { procsFile: cgroup?.procsFile, notifySocket: path, ownDirectory, probe, readyWriter };
    const child = launchChild(launch, start, berth, outside.spawn);
    return { ...child, cgroup, notifySocket, probeSocket, readyPipe };
  } catch (error) {
    closeAll(opened, listener);
    throw error;
  } finally {
    for (const fd of passed) closeSync(fd);
  }
}

export function adoptParts(saved: SavedParts, listener: PartsListener, { watch }: Pick<Outside, "watch">): Parts {
  const { pid, pidfd, probeSocket, readyPipe } = saved;
  const cgroup = saved.cgroup === null ? undefined : Cgroup.at(saved.cgroup);
  return {
    pid,
    pidfd,
    cgroup,
    notifySocket: NotifySocket.adopt(saved.notifySocket, notifyListener(listener, cgroup), watch),
    probeSocket: probeSocket ?? undefined,
    readyPipe: readyPipe === null ? undefined : ReadyPipe.adopt(readyPipe, () => listener.onReady(), watch),
  };
}

export function saveParts({ pid, pidfd, cgroup, notifySocket, probeSocket, readyPipe }: Parts): SavedParts {
  return {
    pid,
    pidfd,
    cgroup: cgroup?.path ?? null,
    notifySocket: notifySocket.save(),
    probeSocket: probeSocket ?? null,
    readyPipe: readyPipe?.reader ?? null,
  };
}

/** The last one first. One that fails must not keep the others from closing what is theirs. */
export function closeAll(closers: readonly (() => void)[], listener: Pick<PartsListener, "onProblem">): void {
  for (const close of [...closers].reverse()) {
    try {
      close();
    } catch (error) {
      listener.onProblem(leftBehind(error as Error));
    }
  }
}

export function leftBehind({ message }: Error): string {
  return `it leaves something behind: ${message}`;
}

export function removeCgroup(cgroup: Cgroup, listener: Pick<PartsListener, "onProblem">): void {
  try {
    cgroup.remove();
  } catch (error) {
    listener.onProblem(`its cgroup stays: ${(error as Error).message}`);
  }
}

function notifyPath({ generation, process, workers }: Start, { runtimeDirectory }: Launch): string {
  const isOne = process === 0 && workers === 1;
  return isOne ? notifySocketIn(runtimeDirectory, generation) : workerSocketIn(runtimeDirectory, generation, process);
}

function probePath({ generation, process }: Start, { runtimeDirectory }: Launch): string {
  return probeSocketIn(runtimeDirectory, generation, process);
}

function createCgroup(
  { generation, slot, workers, weight }: Start,
  listener: PartsListener,
  { cgroup, workerLimits }: Launch,
): Cgroup | undefined {
  try {
    const created = cgroup?.create(generation, workers > 1 ? slot : null);
    if (weight !== USUAL_WEIGHT) weigh(created, weight, listener);
    for (const [file, value] of workerLimits) limit(created, file, value, listener);
    return created;
  } catch (error) {
    listener.onProblem(`it gets no cgroup, and has a process group only: ${(error as Error).message}`);
    return undefined;
  }
}

/** Gives it its share of the CPU beside others; without a cgroup it has what all have. */
export function weigh(cgroup: Cgroup | undefined, weight: number, listener: Pick<PartsListener, "onProblem">): void {
  try {
    cgroup?.weigh(weight);
  } catch (error) {
    listener.onProblem(`its cgroup doesn't get the weight ${weight}: ${(error as Error).message}`);
  }
}

function limit(cgroup: Cgroup | undefined, file: string, value: string, listener: PartsListener): void {
  try {
    if (!cgroup) throw new Error("it has no cgroup of its own");
    cgroup.limit(file, value);
  } catch (error) {
    listener.onProblem(`--worker-limit ${file}=${value} doesn't hold: ${(error as Error).message}`);
  }
}

function notifyListener(listener: PartsListener, cgroup: Cgroup | undefined): NotifyListener {
  return {
    onMessage: (message, fds) => listener.onMessage(message, fds),
    onProblem: what => listener.onProblem(what),
    isMember: pid => cgroup?.contains(pid) !== false,
  };
}
