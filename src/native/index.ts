// The addon, typed. Every function throws a NativeError where the system says no.

import { createRequire } from "node:module";

/** A failed system call throws this, in the shape of Node's own errors. */
export interface NativeError extends Error {
  /** e.g. "ENOENT" */
  code: string;
  /** The negative errno. */
  errno: number;
  /** e.g. "execve" */
  syscall: string;
  /** The file, command or address it was about, if any. */
  path?: string;
}

/** Paths, arguments, variables and the directory are strings of bytes (systemd/bytes.ts). */
export interface SpawnOptions {
  /** Files to execute: the first that exists and may be executed (execve(2)). */
  paths: readonly string[];
  argv: readonly string[];
  /** `NAME=value` each. */
  environment: readonly string[];
  /** Variables that are set to the child's own pid. */
  pidVariables: readonly string[];
  /** Working directory, entered before the paths are looked up. */
  directory: string;
  /** Descriptors that become 3, 4, … in the child; it gets 0–2 as they are and no other. */
  fds: readonly number[];
  /** Pairs: the index of one of `fds`, and a number at which the child has it as well. */
  copies: readonly number[];
  /** Sent to the child when this process dies (PR_SET_PDEATHSIG in prctl(2)). */
  deathSignal: number;
  /** A signal that the child ignores, as a service does SIGPIPE (IgnoreSIGPIPE= in systemd.exec(5)); 0 for none. */
  ignoredSignal: number;
  /** Soft RLIMIT_NOFILE for the child; −1 leaves this process's. */
  fileLimit: number;
  /** The file cgroup.procs of the cgroup that it starts in; "" for this process's own. */
  cgroup: string;
}

/** Tells how a child ended: `signal` is 0 if it exited by itself, with `status`. */
export interface ExitStatus {
  status: number;
  signal: number;
}

export interface Message {
  data: Buffer;
  /** Descriptors that came along; the caller closes them. */
  fds: number[];
  /** The message or its descriptors didn't fit into the limits (4096 bytes, 253 descriptors). */
  truncated: boolean;
  pid: number;
  uid: number;
}

export interface SocketDescription {
  family: "inet" | "inet6" | "unix" | "netlink" | "vsock" | "other";
  type: "stream" | "datagram" | "seqpacket" | "raw" | "other";
  listening: boolean;
  connected: boolean;
  /** unix only: "" when unnamed; abstract names begin with "@". */
  path?: string;
  /** inet and inet6 only. */
  host?: string;
  port?: number;
}

export interface FileDescription {
  type: "file" | "directory" | "socket" | "fifo" | "character device" | "block device" | "anonymous inode" | "other";
  id: string;
}

/** The program that replaces this one; `fds` stay open under their numbers, and no other. */
export type ReplaceOptions = Pick<SpawnOptions, "paths" | "argv" | "environment" | "fds">;

/** The program that this process becomes, as in SpawnOptions. */
export type BecomeOptions = Pick<SpawnOptions, "paths" | "argv" | "environment" | "fds">;

interface Native {
  /**
   * Starts a child in a process group of its own, with default signal dispositions (but for one) and nothing blocked.
   */
  spawn(options: SpawnOptions): { pid: number; pidfd: number };
  /**
   * Replaces this process by the program at the first of `paths` (execve(2)): same pid, descriptors 0–2 as they are,
   * `fds` as 3, 4, …, no other. Throws where that can be told beforehand; what fails later ends the process with status
   * 71.
   */
  become(options: BecomeOptions): never;
  /**
   * Replaces this process by the program at the first of `paths` (execve(2)): same pid, same children, 0–2 and `fds` under
   * the numbers that they have. Throws, and all is as before, when that can't be done.
   */
  replace(options: ReplaceOptions): never;
  /**
   * Signals that this process handles wait from now on, for releaseSignals() or for the program that replaces this one. Those
   * that were caught before reach their handlers with the next turn of the event loop.
   */
  holdSignals(): void;
  /**
   * Signals that waited come now. In a program that replaced another one they wait for this call where the addon is in
   * LD_PRELOAD; else Node lets them come as it starts.
   */
  releaseSignals(): void;
  /** Closes every descriptor from 3 on at execve(2); without effect before Linux 5.11. */
  closeOnExec(): void;
  /** Whether closeAside() is at work still. */
  isClosing(): boolean;
  /** Collects a child that ended; null while it runs (waitid(2), P_PIDFD). */
  reap(pidfd: number): ExitStatus | null;
  /**
   * Collects children that ended and aren't among `own`: orphans that came to this process because it is PID 1. Stops
   * at one of `own`, which stands in front of the others until it is collected.
   */
  reapOrphans(own: readonly number[]): void;
  /** The process's value for LISTEN_PIDFDID: a decimal number, "" where the kernel (before 6.9) has none. */
  pidfdId(pid: number): string;
  /** µs of CLOCK_BOOTTIME, the clock of a process's start in proc_pid_stat(5). */
  bootTime(): number;
  /**
   * Calls back, with 0 or a negative errno, for as long as the descriptor is readable (or writable). Makes it
   * non-blocking. Ends with the returned function, which must be called before the descriptor is closed.
   */
  watch(fd: number, writable: boolean, callback: (status: number) => void): () => void;
  /** The same, but it doesn't keep a process alive that has nothing else to do. */
  watchAside(fd: number, writable: boolean, callback: (status: number) => void): () => void;
  /** Binds a new socket to a path or an @abstract name; streams and seqpackets listen. Close-on-exec. */
  bindUnix(type: number, name: string): number;
  /**
   * The same for an IPv4 or IPv6 address; `interface` ("" for none) is the scope of a link-local one. With `reusePort` it
   * shares the address with other sockets of this user that do so, too (SO_REUSEPORT in socket(7)).
   */
  bindInet(type: number, family: number, host: string, interfaceName: string, port: number, reusePort: boolean): number;
  /** A new non-blocking socket, connected to a path or an @abstract name. */
  connectUnix(type: number, name: string): number;
  /** The next client of a listening unix socket, non-blocking, and who it is; null when none waits. */
  accept(fd: number): { fd: number; pid: number; uid: number } | null;
  /** Describes a socket; null when the descriptor isn't one. */
  describeSocket(fd: number): SocketDescription | null;
  /**
   * What tells apart those that share an address by SO_REUSEPORT, besides that: the number of the protocol, and the
   * interface ("" for all). null when the descriptor is no socket that does.
   */
  reusePort(fd: number): { protocol: number; device: string } | null;
  /** How many connections wait to be accepted; null when the descriptor is no TCP socket that listens. */
  waiting(fd: number): number | null;
  /** A pipe, close-on-exec: the end to read and the end to write. */
  pipe(): [number, number];
  /** Two connected sockets for messages (SOCK_SEQPACKET), non-blocking, close-on-exec. */
  socketPair(): [number, number];
  /** Whether a read would not wait; of a pidfd: whether the process has ended. */
  readable(fd: number): boolean;
  /** Whether a write would go through at once. */
  writable(fd: number): boolean;
  /** Messages received from now on tell their sender's pid and uid (SO_PASSCRED in unix(7)). */
  passCredentials(fd: number): void;
  /** Sends one message on a connected datagram or seqpacket socket; never blocks (EAGAIN). */
  send(fd: number, text: string, fds: readonly number[]): void;
  /** Takes the next message; null when none waits. Of a seqpacket whose other end is closed, the last one is empty. */
  receive(fd: number): Message | null;
  /** Another descriptor of the same open file, close-on-exec. */
  duplicate(fd: number): number;
  /** O_NONBLOCK of the open file that a descriptor leads to, whoever else has it. */
  isNonBlocking(fd: number): boolean;
  setNonBlocking(fd: number, nonBlocking: boolean): void;
  /** Whether two descriptors lead to one and the same open file (kcmp(2)). */
  sameFile(a: number, b: number): boolean;
  /**
   * A descriptor that turns readable when another one hangs up or has an error, and only then: EPOLLHUP and EPOLLERR of
   * epoll_ctl(2), which is also how a cgroup.events file tells of changes. EPERM: it is a file that can't be polled.
   */
  alarm(fd: number): number;
  /**
   * Says what a descriptor leads to, without asking a file's server, which may never answer (see AT_STATX_DONT_SYNC,
   * statx(2)). `id` is the same for descriptors of one file; all anonymous inodes share one.
   */
  describeFile(fd: number): FileDescription;
  /**
   * Closes an untrusted descriptor without blocking: where close(2) might wait, a thread of the addon closes it (8 at
   * most).
   */
  closeAside(fd: number): void;
  /**
   * Locks the open file of a descriptor against every other one of the same file (flock(2)), until it is closed: the
   * kernel does that too when this process ends, whatever ends it. False: another one has the lock.
   */
  lock(fd: number): boolean;
  /** An extended attribute's value; null when the file has none of that name. */
  xattr(path: string, name: string): string | null;
  /**
   * Gives back what only the work just done needed: free heap (malloc_trim(3)) and resident program text (madvise(2)),
   * most of Node's resident size. The text comes back from the page cache as it is needed. Text that somebody patched
   * in memory stays. Where /proc/self/smaps can't be read, all text stays.
   */
  trim(): void;
}

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_SEQPACKET = 5;
export const AF_INET = 2;
export const AF_INET6 = 10;

const FILE = `./zerodown-${process.arch}.node`;

export const native: Native = load();

/** @throws {Error} when it isn't there */
export function addonPath(): string {
  return createRequire(import.meta.url).resolve(FILE);
}

/** Where there is no addon, a function fails only when it is called: an app's library needs the addon rarely. */
function load(): Native {
  try {
    if (process.platform !== "linux") throw new Error("there is one for Linux only");
    return createRequire(import.meta.url)(FILE);
  } catch (cause) {
    const why = `zerodown's addon for ${process.platform} on ${process.arch} can't be loaded: ${reason(cause as Error)}`;
    const fail = () => {
      throw new Error(why, { cause });
    };
    return new Proxy({} as Native, { get: fail, ownKeys: fail });
  }
}

/** A Node that was built with musl has no version of glibc to report. */
function reason({ message }: Error): string {
  if (process.platform !== "linux") return message;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime
    ? message
    : "it needs glibc, and this Node is for musl (Alpine); take one for glibc";
}
