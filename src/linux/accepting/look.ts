// Whether somebody waits for clients on a socket, as far as /proc tells: who has it in an epoll instance, and whose threads
// are in accept(2), poll(2) or select(2) for it.

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { EPOLL } from "../proc.js";
import { type FileKey, knowsCalls, parseEpoll, parseSyscall, readPoll, readSelect, type Wait } from "./formats.js";

/** A socket that listens. */
export interface Listening {
  readonly fd: number;
  readonly key: FileKey;
  /** As links in /proc/PID/fd have it: "socket:[123]". */
  readonly link: string;
  /** For people. */
  readonly name: string;
}

export interface Seen {
  /** Those that somebody waits on. */
  readonly sockets: ReadonlySet<Listening>;
  /** Processes that may not be looked into. */
  readonly hidden: readonly number[];
  /** Why there may be somebody of whom nothing is seen, for people: it uses what /proc doesn't show. */
  readonly obstacles: ReadonlySet<string>;
}

const IO_URING = "anon_inode:[io_uring]";

/** Looks through these processes until it has found somebody for each of the sockets. */
export function lookForWaiting(sockets: readonly Listening[], pids: readonly number[]): Seen {
  const look = new Look(sockets);
  for (const pid of pids) if (!look.isDone) look.process(pid);
  return look;
}

/** A process and all that it, and they, have started, but for those whose parents have ended. */
export function descendants(pid: number): number[] {
  const pids = [pid];
  for (const parent of pids) {
    for (const thread of attempt(() => readdirSync(`/proc/${parent}/task`)) ?? []) {
      const children = attempt(() => readFileSync(`/proc/${parent}/task/${thread}/children`, "utf8")) ?? "";
      pids.push(...children.split(" ").filter(Boolean).map(Number));
    }
  }
  return pids;
}

class Look implements Seen {
  readonly sockets = new Set<Listening>();
  readonly hidden: number[] = [];
  readonly obstacles = new Set<string>();

  constructor(private readonly wanted: readonly Listening[]) {}

  get isDone(): boolean {
    return this.sockets.size === this.wanted.length;
  }

  process(pid: number): void {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) this.descriptor(pid, fd);
    } catch (error) {
      if (isHidden(pid, error)) this.hidden.push(pid);
      return;
    }
    if (this.isDone) return;
    if (!knowsCalls(process.arch) || !existsSync("/proc/self/syscall")) {
      this.obstacles.add(`/proc doesn't tell what threads wait for (on ${process.arch}), but for epoll instances`);
      return;
    }
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`)) this.thread(pid, thread);
    } catch (error) {
      if (isHidden(pid, error)) this.obstacles.add(`what the threads of process ${pid} wait for may not be read`);
    }
  }

  private descriptor(pid: number, fd: string): void {
    const link = unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
    if (link === IO_URING)
      this.obstacles.add(`process ${pid} has an io_uring, and /proc doesn't tell what that accepts`);
    if (link !== EPOLL) return;
    const watched = new Set(parseEpoll(unlessGone(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8")) ?? ""));
    this.found(({ key }) => watched.has(key));
  }

  private thread(pid: number, thread: string): void {
    const text = unlessGone(() => readFileSync(`/proc/${pid}/task/${thread}/syscall`, "utf8"));
    const wait = parseSyscall(text ?? "", process.arch);
    if (!wait) return;
    const fds = wait.call === "accept" ? [wait.fd] : waitsFor(pid, wait);
    const links = new Set(fds.map(fd => unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`))));
    this.found(({ link }) => links.has(link));
  }

  private found(isIt: (socket: Listening) => boolean): void {
    for (const socket of this.wanted) if (isIt(socket)) this.sockets.add(socket);
  }
}

/** The thread still waits, as a rule; what is there if it doesn't is somebody else's, and hardly looks like the same. */
function waitsFor(pid: number, { call, address, length }: Exclude<Wait, { call: "accept" }>): number[] {
  const bytes = readMemory(pid, address, length);
  return call === "poll" ? readPoll(bytes) : readSelect(bytes);
}

/** What can't be read of it, as at the address 0, is left out. */
function readMemory(pid: number, address: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const fd = unlessGone(() => openSync(`/proc/${pid}/mem`, "r"));
  if (fd === undefined) return bytes.subarray(0, 0);
  try {
    return bytes.subarray(0, attempt(() => readSync(fd, bytes, 0, length, address)) ?? 0);
  } finally {
    closeSync(fd);
  }
}

/** Whether it is there, and may not be looked into. Nothing may be read of what has ended, either. */
function isHidden(pid: number, error: unknown): boolean {
  if (isDenied(error)) return !/^State:\s+[ZX]/m.test(attempt(() => readFileSync(`/proc/${pid}/status`, "utf8")) ?? "");
  // With hidepid= in proc(5) it isn't even there.
  return !existsSync(`/proc/${pid}`) && exists(pid);
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isDenied(error: unknown): boolean {
  return /^(?:EACCES|EPERM)$/.test((error as NodeJS.ErrnoException).code ?? "");
}

/** undefined for a descriptor, a thread or a process that is gone meanwhile. @throws {NodeJS.ErrnoException} where it may not be read */
function unlessGone<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isDenied(error)) throw error;
    return undefined;
  }
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
