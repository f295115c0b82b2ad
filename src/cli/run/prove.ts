// The proof before a supervisor is replaced: the program that would replace it runs as a child, reads a copy of all that it
// would take over, and says whether it understands that.

import { closeSync, readSync, writeSync } from "node:fs";
import { toText } from "../../linux/bytes.js";
import { addonPath, type ExitStatus, type NativeError, native } from "../../native/index.js";
import { formatTimeSpan } from "../../systemd/formats/time-span.js";

/** The command of the program that is asked; an older one doesn't know it. */
export const PROOF = "upgrade-check";

/** In the child: the document, and where its verdict goes. */
const DOCUMENT_FD = 3;
const VERDICT_FD = 4;

/** How long the program may take. ms */
const PATIENCE = 10_000;
const MOST_BYTES = 64 * 1024;

/** What the program says of itself: how Node is executed for it, and where its addon is. */
export interface Verdict {
  readonly version: string;
  readonly node: string;
  readonly options: readonly string[];
  readonly addon: string;
}

/** The program that is asked, as execve(2) takes it: bytes. */
export interface Program {
  readonly path: string;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
}

/**
 * @param document the descriptor of a copy
 * @throws {Error} that says why the program can't go on from it
 */
export async function prove({ path, argv, environment }: Program, document: number): Promise<Verdict> {
  const [reader, writer] = native.pipe();
  let text = "";
  let unwatch = () => {};
  const read = () => {
    const bytes = Buffer.alloc(MOST_BYTES);
    const length = readSync(reader, bytes);
    text += bytes.toString("utf8", 0, length);
    return length > 0 && text.length <= MOST_BYTES;
  };
  const start = () => {
    try {
      return native.spawn({
        ...{ paths: [path], argv, environment, pidVariables: [], directory: ".", cgroup: "" },
        ...{ fds: [document, writer], copies: [], deathSignal: 9, ignoredSignal: 0, fileLimit: -1 },
      });
    } finally {
      closeSync(writer);
    }
  };
  try {
    const child = start();
    unwatch = native.watch(reader, false, () => {
      if (!read()) unwatch();
    });
    const end = await ended(child);
    // What it has written before its end; a process that it has left may hold the pipe open.
    while (native.readable(reader) && read());
    return judge(text, end, toText(path));
  } finally {
    unwatch();
    closeSync(reader);
  }
}

/** Kills it when it takes too long. @throws {Error} then */
function ended({ pid, pidfd }: { pid: number; pidfd: number }): Promise<ExitStatus> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      process.kill(-pid, "SIGKILL");
    }, PATIENCE);
    const unwatch = native.watch(pidfd, false, () => {
      clearTimeout(timer);
      unwatch();
      const status = collect(pidfd);
      closeSync(pidfd);
      if (isLate) reject(new Error(`it has said nothing within ${formatTimeSpan(PATIENCE * 1e3)}, and was killed`));
      else resolve(status);
    });
  });
}

function collect(pidfd: number): ExitStatus {
  try {
    return native.reap(pidfd)!;
  } catch (error) {
    // As PID 1 the supervisor waits for every child that isn't a generation's.
    if ((error as NativeError).code === "ECHILD") return { status: 0, signal: 0 };
    throw error;
  }
}

function judge(text: string, { status, signal }: ExitStatus, path: string): Verdict {
  const said = parse(text);
  if (said?.error !== undefined)
    throw new Error(`${path} (zerodown ${said.version}) can't go on from here: ${said.error}`);
  if (said) return said;
  const how = signal === 0 ? `exited with status ${status}` : `was killed by signal ${signal}`;
  throw new Error(`${path} ${how} and said nothing: it isn't zerodown, or a version that knows no upgrade`);
}

function parse(text: string): (Verdict & { error?: string }) | undefined {
  try {
    const said = JSON.parse(text) as Verdict;
    return typeof said.version === "string" ? said : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The child's side: says whether this program understands the document.
 *
 * @param check throws where it doesn't
 */
export function sayVerdict(version: string, check: (document: number) => void): void {
  const verdict = () => {
    check(DOCUMENT_FD);
    // Fails where the addon can't be loaded.
    native.bootTime();
    return { node: process.execPath, options: process.execArgv, addon: addonPath() };
  };
  const say = (said: object) => writeSync(VERDICT_FD, JSON.stringify({ version, ...said }));
  try {
    say(verdict());
  } catch (error) {
    say({ error: (error as Error).message });
  }
}
