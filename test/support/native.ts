// The tests of the addon share this: it starts and collects children, and looks at what this process holds.

import { spawn as spawnNode } from "node:child_process";
import { closeSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type ExitStatus, type NativeError, native, type SpawnOptions } from "../../src/native/index.js";

export const PYTHON = "/usr/bin/python3";

/** A text as the addon takes arguments, variables and paths: a character for each byte. */
export const bytes = (text: string) => Buffer.from(text).toString("latin1");

/** Starts a child with nothing special about it, but for `options`. */
export function spawn(options: Partial<SpawnOptions> & { argv: readonly string[] }): { pid: number; pidfd: number } {
  return native.spawn({
    paths: [options.argv[0]!],
    environment: ["PATH=/usr/bin:/bin"],
    pidVariables: [],
    directory: "/",
    fds: [],
    copies: [],
    deathSignal: 0,
    ignoredSignal: 0,
    fileLimit: -1,
    cgroup: "",
    ...options,
  });
}

/** Resolves with how the child ended. Then the child is collected, and its pidfd closed. */
export async function ended({ pidfd }: { pidfd: number }): Promise<ExitStatus> {
  await readable(pidfd);
  const end = native.reap(pidfd);
  closeSync(pidfd);
  return end!;
}

/** Resolves, with what the callback was told, when the descriptor can be read, or written. */
export function readable(fd: number, writable = false): Promise<number> {
  return new Promise(resolve => {
    const stop = native.watch(fd, writable, status => {
      stop();
      resolve(status);
    });
  });
}

/** Returns what a function throws as plain data: the addon's errors are not of the realm that jest gives to tests. */
export function thrown(call: () => unknown): Partial<NativeError> {
  try {
    call();
  } catch (error) {
    const { name, message, code, errno, syscall, path } = error as NativeError;
    return { name, message, code, errno, syscall, ...(path === undefined ? {} : { path }) };
  }
  throw new Error("nothing was thrown");
}

/**
 * Returns what tells which descriptors this process has opened since, and which children it has got since. What is older
 * doesn't count: an earlier test's may close, or end, at any time.
 */
export function leftovers(): () => { fds: string[]; children: number[] } {
  const [fds, children] = [new Set(openFds()), new Set(childPids())];
  return () => ({
    fds: openFds().filter(fd => !fds.has(fd)),
    children: childPids().filter(pid => !children.has(pid)),
  });
}

/** The descriptors that are open in this process, with what they lead to. */
function openFds(): string[] {
  return readdirSync("/proc/self/fd").flatMap(fd => {
    try {
      return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`];
    } catch {
      return []; // This descriptor listed the others.
    }
  });
}

export function isCloseOnExec(fd: number): boolean {
  const flags = Number.parseInt(/^flags:\t(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1]!, 8);
  return (flags & 0o2000000) !== 0;
}

/** Pids of the children of this process, zombies included. */
export function childPids(): number[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

/** Gives programs of runNode `leaveFds(count)`: called once, it leaves them that many descriptors, in a row. */
export const LEAVE_FDS = `
  import { execFileSync } from "node:child_process";
  import { closeSync, openSync } from "node:fs";
  function leaveFds(count) {
    execFileSync("true"); // The first one leaves a descriptor open.
    let next;
    while ((next = openSync("/dev/null")) < 100);
    closeSync(next);
    execFileSync("prlimit", ["--pid", process.pid, "--nofile=" + (next + count) + ":"]);
  }`;

/** Runs a program in a Node of its own, with `native` at hand. */
export function runNode(
  program: string,
  stdio: readonly number[] = [],
): Promise<{ status: number | null; signal: NodeJS.Signals | null; output: string; errors: string }> {
  const addon = new URL("../../src/native/index.js", import.meta.url);
  const code = `import { native } from ${JSON.stringify(addon)};\n${program}`;
  const child = spawnNode(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "pipe", ...stdio],
  });
  let output = "";
  let errors = "";
  child.stdout!.on("data", (data: Buffer) => (output += data));
  child.stderr!.on("data", (data: Buffer) => (errors += data));
  return new Promise(resolve => child.on("close", (status, signal) => resolve({ status, signal, output, errors })));
}
