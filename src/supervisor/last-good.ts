// The last good release, across restarts and boots: a file in the unit's StateDirectory= that says where the release is which
// served last. There are paths in it, and no environment.

import type { createHash as CreateHash } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import type { Location, Release, Remembered, Wanted } from "./look-up.js";

type Log = (priority: "warning" | "notice", text: string) => void;

const VERSION = 1;
/** Beside what the app itself keeps there. */
const FILE = "zerodown-last-release.json";
/** Far more than the paths of a command line need. */
const MAX_BYTES = 1 << 20;

export class LastGood {
  private readonly path: string | undefined;
  /** What the file holds, as far as it is known. */
  private text: string | undefined;

  /** @param directory the unit's StateDirectory=; undefined where there is none, and nothing is remembered */
  constructor(
    directory: string | undefined,
    private readonly launch: Wanted,
    private readonly log: Log,
  ) {
    this.path = directory === undefined ? undefined : `${directory}/${FILE}`;
  }

  /**
   * What is remembered. Whatever else is found is said, and ignored. Whether the release is still there is asked when it is
   * needed: its file system may be one that hangs.
   */
  read(): Remembered | undefined {
    if (this.path === undefined) return undefined;
    try {
      const text = readOwnFile(this.path);
      const release = parse(text, this.app());
      this.text = text;
      return release;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT") this.log("warning", `${this.path} is ignored: ${message}`);
      return undefined;
    }
  }

  /**
   * In one step, so that a reader finds the old one or the new one. Nothing waits for the disk: what a power cut leaves
   * half-written is told of and ignored.
   */
  write({ directory, executable, locations }: Release): void {
    if (this.path === undefined) return;
    const text = JSON.stringify({ version: VERSION, app: this.app(), release: { directory, executable, locations } });
    if (text === this.text) return;
    const draft = `${this.path}.new`;
    try {
      rmSync(draft, { force: true });
      const fd = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      try {
        fchmodSync(fd, 0o600);
        writeFileSync(fd, text);
      } finally {
        closeSync(fd);
      }
      renameSync(draft, this.path);
      this.text = text;
    } catch (error) {
      this.log("warning", `the release that serves can't be remembered: ${(error as Error).message}`);
    }
  }

  /** Tells the app from another one. Arguments may be secrets, so they are not written down. */
  private app(): string {
    const { command, directory } = this.launch;
    // Only here, because it would cost each start 10 ms.
    const { createHash } = createRequire(import.meta.url)("node:crypto") as { createHash: typeof CreateHash };
    return createHash("sha256")
      .update(JSON.stringify([directory, ...command]))
      .digest("hex");
  }
}

function readOwnFile(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw new Error("it isn't a file");
    if (status.uid !== process.geteuid!()) throw new Error(`it belongs to uid ${status.uid}`);
    if (status.mode & 0o022) throw new Error("others may write to it");
    if (status.size > MAX_BYTES) throw new Error(`it has ${status.size} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

/** @throws {Error} where it is something else */
function parse(text: string, app: string): Remembered {
  const { version, app: other, release } = JSON.parse(text) ?? {};
  if (version !== VERSION) throw new Error(`it has version ${JSON.stringify(version)}, and ${VERSION} is understood`);
  if (other !== app) throw new Error("it is of another command or working directory");
  const { directory, executable, locations } = release ?? {};
  if (!isPath(directory) || !isLocation(executable)) throw new Error("it has no release in it");
  if (!Array.isArray(locations) || !locations.every(location => location === null || isLocation(location))) {
    throw new Error("it has no arguments in it");
  }
  return { directory, executable, locations };
}

function isPath(value: unknown): value is string {
  return typeof value === "string" && value.startsWith("/") && !value.includes("\0");
}

function isLocation(value: unknown): value is Location {
  const { path, real } = (value ?? {}) as Partial<Location>;
  return isPath(path) && isPath(real);
}
