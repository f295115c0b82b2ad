// The files of unix sockets that all generations share: what one of them does to such a file, all would suffer from. A
// server that removes its socket's file when it ends would leave the next one without clients.

import { chmodSync, chownSync, linkSync, lstatSync, type Stats, unlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { native } from "../../native/index.js";
import { removeSocketFile } from "./remove.js";

/** Called with what was put back, or what can't be. */
type Tell = (priority: "err" | "warning", text: string) => void;

type FileNote = Pick<Stats, "ino" | "dev" | "mode" | "uid" | "gid">;

/** Plain data, which JSON can hold. */
export interface SocketFile {
  readonly path: string;
  /** Another name of the same file, from which the first can be made again. */
  readonly keep: string;
  /** The reason why there isn't another name. */
  readonly without?: string | undefined;
  /** This inode, with this mode and owner, belongs at the path. */
  file: FileNote;
  /** The inode of another file in its place, which was told of already. */
  other?: number | undefined;
}

/** The second name of a socket's file. */
export function keptName(path: string): string {
  return `${dirname(path)}/.${basename(path)}.zerodown-keep`;
}

export class SocketFiles {
  private readonly files: readonly SocketFile[];

  /**
   * Gives each file a second name beside the first, `.NAME.zerodown-keep`, where that is allowed; a file that was
   * removed while no supervisor ran is put back from the one that the last had left.
   *
   * @param fds sockets; those that have no file are left out
   * @param saved what save() returned, where this goes on from another one
   */
  constructor(
    fds: readonly number[],
    private readonly tell: Tell,
    saved?: readonly SocketFile[],
  ) {
    this.files = saved ?? [...new Set(fds.flatMap(pathOf))].flatMap(path => this.take(path) ?? []);
  }

  save(): readonly SocketFile[] {
    return this.files;
  }

  /** Takes mode and owner of the files as they are now for how they must be. */
  note(): void {
    for (const socket of this.files) {
      const there = look(socket.path);
      if (there && isSame(there, socket.file)) socket.file = noteOf(there);
    }
  }

  /** Puts names back, where they are gone. @param when for people: "generation 2 became ready" */
  putBackNames(when: string): void {
    for (const socket of this.files) {
      const there = look(socket.path);
      if (!there) this.putBackName(socket, when);
      else if (!isSame(there, socket.file)) this.tellOfOther(socket, there, when);
    }
  }

  /** Puts names, modes and owners back. */
  putBack(when: string): void {
    this.putBackNames(when);
    for (const socket of this.files) this.putBackMode(socket, when);
  }

  /** Removes the second names. */
  close(): void {
    for (const { keep, file, without } of this.files) {
      const kept = without === undefined ? look(keep) : undefined;
      if (kept && isSame(kept, file)) removeSocketFile(keep);
    }
  }

  /** @returns undefined where nothing is to be seen of the file: it may be in another mount namespace */
  private take(path: string): SocketFile | undefined {
    const keep = keptName(path);
    if (!look(path) && look(keep)?.isSocket()) this.putBackOldName(path, keep);
    const file = look(path);
    if (!file?.isSocket()) return undefined;
    return { path, keep, file: noteOf(file), without: addName(path, keep, file), other: undefined };
  }

  private putBackOldName(path: string, keep: string): void {
    try {
      linkSync(keep, path);
      this.tell("warning", `${path} was gone, and is put back from what the last supervisor had kept`);
    } catch {
      // Then the app's clients know it before us; and whoever may remove a file there may also make it.
    }
  }

  private putBackName({ path, keep, without }: SocketFile, when: string): void {
    try {
      if (without !== undefined) throw new Error(without);
      linkSync(keep, path);
      this.tell("warning", `${path} was gone when ${when}: put back, so that clients can connect`);
    } catch (error) {
      const why = (error as Error).message;
      const remedy = "restart what opened it (the .socket unit, or this service)";
      this.tell(
        "err",
        `${path} was gone when ${when}, and nobody can connect: it can't be put back (${why}); ${remedy}`,
      );
    }
  }

  /** Somebody may want it there, and have clients by now. */
  private tellOfOther(socket: SocketFile, there: Stats, when: string): void {
    if (socket.other === there.ino) return;
    socket.other = there.ino;
    const text = `${socket.path} was another file when ${when}: it is left alone, and who connects there doesn't get here`;
    this.tell("err", text);
  }

  private putBackMode({ path, file }: SocketFile, when: string): void {
    const there = look(path);
    if (!there || !isSame(there, file) || describe(there) === describe(file)) return;
    try {
      // chown(2) may clear bits of the mode.
      if (there.uid !== file.uid || there.gid !== file.gid) chownSync(path, file.uid, file.gid);
      chmodSync(path, file.mode & 0o7777);
      this.tell("warning", `${path} had ${describe(there)} when ${when}: put back to ${describe(file)}`);
    } catch (error) {
      const why = (error as Error).message;
      this.tell("err", `${path} had ${describe(there)} when ${when}, not ${describe(file)}, and keeps it: ${why}`);
    }
  }
}

/** Finds nothing for a socket without a file, and for what isn't a socket. */
function pathOf(fd: number): string[] {
  const { path } = native.describeSocket(fd) ?? {};
  return path?.startsWith("/") ? [path] : [];
}

/** @returns why it can't be done */
function addName(path: string, keep: string, file: Stats): string | undefined {
  try {
    const leftover = look(keep);
    if (leftover && isSame(leftover, file)) return undefined;
    if (leftover) unlinkSync(keep);
    linkSync(path, keep);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function noteOf({ ino, dev, mode, uid, gid }: Stats): FileNote {
  return { ino, dev, mode, uid, gid };
}

function isSame(one: FileNote, other: FileNote): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function describe({ mode, uid, gid }: FileNote): string {
  return `mode ${(mode & 0o7777).toString(8).padStart(4, "0")}, owner ${uid}:${gid}`;
}
