// A command that probes a candidate: a child in a process group of its own and, where the candidate has a cgroup, in one below
// that. When it has ended, whatever it leaves is killed.

import { closeSync, readSync } from "node:fs";
import { constants } from "node:os";
import type { End } from "../machine/outcome.js";
import { type NativeError, native, type SpawnOptions } from "../native/index.js";
import { Cgroup } from "../systemd/as-service/cgroup.js";
import { endOf } from "./end-of.js";
import type { Outside } from "./outside.js";
import { ProbeOutput, type SavedOutput } from "./probe-output.js";

/** Its stdout and stderr are the pipe at descriptor 3. The command is $0. */
const SCRIPT = 'exec /bin/sh -c "$0" </dev/null >&3 2>&1 3>&-';
/** Bytes that are read in one go, so that a flood leaves the event loop time for all else. */
const CHUNK = 65_536;
/** How much may wait in the pipe at the command's end, at most. */
const LAST_CHUNKS = 16;

export type ProbeStart = Pick<SpawnOptions, "environment" | "directory" | "ignoredSignal" | "fileLimit"> & {
  /** A shell's command line, as bytes. */
  readonly command: string;
  /** That of the candidate. */
  readonly cgroup: Cgroup | undefined;
};

export interface ProbeListener {
  onLine(line: string): void;
  /** It has ended by itself. `lastLine` is the last that it wrote. */
  onEnd(end: End, lastLine: string): void;
}

/** What is known of its process: plain data, which JSON can hold. */
interface ProbeProcess {
  readonly pid: number;
  readonly pidfd: number;
  /** Our end of the pipe that it writes to. */
  readonly reader: number;
  /** As /proc/PID/cgroup has it. */
  readonly cgroup: string | null;
}

/** What it takes to go on with it. */
export interface SavedProbe extends ProbeProcess {
  readonly output: SavedOutput;
}

export class ProbeCommand {
  private readonly output: ProbeOutput;
  /** One for all reads: a flood would make garbage faster than it is collected. */
  private readonly chunk = Buffer.allocUnsafeSlow(CHUNK);
  private readonly stops: (() => void)[] = [];
  private isWanted = true;

  private constructor(
    private readonly process: ProbeProcess,
    private readonly listener: ProbeListener,
    private readonly outside: Outside,
    /** Called when it has been waited for. */
    private readonly onGone: (gone: ProbeCommand) => void,
    output?: SavedOutput,
  ) {
    const { pidfd, reader } = process;
    this.output = new ProbeOutput(line => listener.onLine(line), output);
    const stop = outside.watch(reader, false, () => this.read() || stop());
    this.stops.push(stop);
    this.stops.push(outside.watch(pidfd, false, () => this.ended()));
  }

  /** @throws {NativeError} when it can't be started; nothing is left of it then, or soon */
  static start(
    { command, cgroup: around, ...rest }: ProbeStart,
    listener: ProbeListener,
    outside: Outside,
    onGone: (gone: ProbeCommand) => void,
  ): ProbeCommand {
    const [reader, writer] = native.pipe();
    const cgroup = createBelow(around);
    try {
      const child = outside.spawn({
        ...rest,
        paths: ["/bin/sh"],
        argv: ["sh", "-c", SCRIPT, command],
        pidVariables: [],
        fds: [writer],
        copies: [],
        deathSignal: constants.signals.SIGKILL,
        cgroup: cgroup?.procsFile ?? "",
      });
      return new ProbeCommand({ ...child, reader, cgroup: cgroup?.path ?? null }, listener, outside, onGone);
    } catch (error) {
      closeSync(reader);
      remove(cgroup);
      throw error;
    } finally {
      closeSync(writer);
    }
  }

  /** Goes on with one that another supervisor has started. */
  static adopt(
    { output, ...process }: SavedProbe,
    listener: ProbeListener,
    outside: Outside,
    onGone: (gone: ProbeCommand) => void,
  ): ProbeCommand {
    return new ProbeCommand(process, listener, outside, onGone, output);
  }

  save(): SavedProbe {
    return { ...this.process, output: this.output.save() };
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Kills it; nobody wants to know of its end any more. */
  end(): void {
    this.isWanted = false;
    this.kill();
  }

  private kill(): void {
    try {
      this.outside.kill(-this.pid, "SIGKILL");
    } catch {
      // Its group is gone.
    }
    try {
      this.cgroup?.kill();
    } catch {
      // It is gone with the candidate's.
    }
  }

  private get cgroup(): Cgroup | undefined {
    const { cgroup } = this.process;
    return cgroup === null ? undefined : Cgroup.at(cgroup);
  }

  /** @returns false at the end of the pipe */
  private read(): boolean {
    const length = readSync(this.process.reader, this.chunk);
    this.output.take(this.chunk.subarray(0, length));
    return length > 0;
  }

  private ended(): void {
    // It is still a zombie, so its pid, and with it the group's, can't be another's yet.
    this.kill();
    const status = this.outside.reap(this.process.pidfd);
    if (status === null) return;
    this.readRest();
    for (const stop of this.stops) stop();
    for (const fd of [this.process.pidfd, this.process.reader]) closeSync(fd);
    remove(this.cgroup);
    this.onGone(this);
    this.output.end();
    if (this.isWanted) this.listener.onEnd(endOf(status), this.output.last);
  }

  private readRest(): void {
    try {
      for (let chunk = 0; chunk < LAST_CHUNKS && this.read(); chunk++);
    } catch (error) {
      // What it left may have the other end of the pipe still.
      if ((error as NativeError).code !== "EAGAIN") throw error;
    }
  }
}

/** Where that fails the probe is in the supervisor's own cgroup, and has a process group only. */
function createBelow(around: Cgroup | undefined): Cgroup | undefined {
  try {
    return around?.createBelow("probe");
  } catch {
    return undefined;
  }
}

/** While something that was killed is still in it, it stays, and goes with the candidate's. */
function remove(cgroup: Cgroup | undefined): void {
  try {
    cgroup?.remove();
  } catch {}
}
