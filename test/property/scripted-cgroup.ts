// A cgroup that the kernel doesn't know: its processes are those of a scripted child.

import { Cgroup } from "../../src/systemd/as-service/cgroup.js";
import type { Child } from "./shell-child.js";

export class ScriptedCgroup extends Cgroup {
  private static readonly all = new Map<string, ScriptedCgroup>();
  private static made = 0;
  /** The one whose processes are in it. */
  child: Child | undefined;
  /** The processes in it come to an end. */
  isKilled = false;
  onEmpty: (() => void) | undefined;

  /** @param hangs SIGKILL ends nothing in it but the child itself */
  constructor(
    number: number,
    private readonly hangs: boolean,
  ) {
    // A generation may have several, even where it is to be one process: that and its successor.
    super(`/sys/fs/cgroup/generation-${number}.${++ScriptedCgroup.made}`);
    ScriptedCgroup.all.set(this.procsFile, this);
  }

  /** The one that a child is to start in; undefined for "". */
  static byFile(file: string): ScriptedCgroup | undefined {
    return ScriptedCgroup.all.get(file);
  }

  /** One that is there, by its path as /proc/PID/cgroup would have it. */
  static byPath(path: string): ScriptedCgroup {
    return [...ScriptedCgroup.all.values()].find(cgroup => cgroup.path === path)!;
  }

  override get isPopulated(): boolean {
    return this.child?.state === "running" || this.child?.state === "dying";
  }

  override get isFrozen(): boolean {
    return false;
  }

  override get pids(): number[] {
    return this.child ? [this.child.pid] : [];
  }

  /** Messages come from the process of the test itself. */
  override contains(): boolean {
    return true;
  }

  override kill(): void {
    this.isKilled = !this.hangs;
  }

  override whenEmpty(callback: () => void): () => void {
    this.onEmpty = callback;
    return () => {
      this.onEmpty = undefined;
    };
  }

  override remove(): void {
    ScriptedCgroup.all.delete(this.procsFile);
    if (!this.isPopulated) return;
    // The supervisor gives up processes that hang.
    if (this.hangs) this.child!.state = "gone";
    throw new Error("EBUSY: resource busy or locked, rmdir");
  }
}
