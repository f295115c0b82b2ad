// systemd's journal, spoken to by its native protocol: entries with fields.

import { closeSync, fstatSync, writeSync } from "node:fs";
import { type NativeError, native, SOCK_DGRAM } from "../../native/index.js";
import { journalEntry } from "../formats/journal-entry.js";

const STDERR = 2;
const SOCKET = "/run/systemd/journal/socket";
/** A message that the kernel takes for too large is cut to so many characters. */
const LONGEST_MESSAGE = 16_384;

export type Fields = Readonly<Record<string, string | number | null>> & { readonly MESSAGE: string };

/** Whether stderr is the very stream that systemd connected to the journal (systemd.exec(5), $JOURNAL_STREAM). */
export function isJournalStream(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(STDERR, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** Only a socket can be the stream indeed. */
export function isStderrSocket(): boolean {
  return fstatSync(STDERR).isSocket();
}

/** Sends entries, never blocking. */
export class Journal {
  private fd: number | undefined;

  /** @param path of its socket, for tests */
  constructor(private readonly path = SOCKET) {}

  /**
   * @returns false where there is no journal to send to (any more): the next entry looks for it again
   * @throws {NodeJS.ErrnoException} EAGAIN when it takes none now
   */
  send(fields: Fields): boolean {
    // After the first failure the socket is looked for again: journald may have made another one.
    return this.trySend(fields) || this.trySend(fields);
  }

  private trySend(fields: Fields): boolean {
    try {
      this.fd ??= native.connectUnix(SOCK_DGRAM, this.path);
      // One write(2) is one datagram.
      writeSync(this.fd, journalEntry(fields));
      return true;
    } catch (error) {
      const { code } = error as NativeError;
      if (code === "EAGAIN") throw error;
      const isLong = fields.MESSAGE.length > 2 * LONGEST_MESSAGE;
      if (code === "EMSGSIZE" && isLong) return this.trySend({ ...fields, MESSAGE: cut(fields.MESSAGE) });
      this.hangUp();
      return false;
    }
  }

  private hangUp(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}

/** To go as a file in memory, as sd_journal_send(3) does it, would be for one line in a lifetime. */
function cut(message: string): string {
  const left = message.length - LONGEST_MESSAGE;
  return `${message.slice(0, LONGEST_MESSAGE)}… (${left} more characters, which the journal's socket didn't take)`;
}
