// What a probe writes: lines for the log, and the last one as the reason of a failure. However much it is, little is kept, and
// little is done for it.

import { toText } from "../linux/bytes.js";
import { printable } from "../systemd/formats/printable.js";

/** Bytes of a line; the rest of it is left out. */
const LONGEST_LINE = 1000;
/** Lines that are logged, but for those of them that are blank. */
const MOST_LINES = 100;

const LF = 10;
const SPACE = 32;
const DELETE = 127;

/** What is known of it: plain data, which JSON can hold. */
export interface SavedOutput {
  /** The line under way, as bytes. */
  readonly line: string;
  /** How many were whole. */
  readonly lines: number;
  /** It was said that there are more than are logged. */
  readonly isCut: boolean;
  /** The last of these; "" for none. */
  readonly last: string;
}

export class ProbeOutput {
  private line = "";
  private lines = 0;
  private isCut = false;
  /** The last line that isn't blank; "" for none. */
  last = "";

  /**
   * @param onLine called with each of the first lines, and with a word for the others
   * @param saved what another supervisor has read of it
   */
  constructor(
    private readonly onLine: (line: string) => void,
    saved?: SavedOutput,
  ) {
    Object.assign(this, saved);
  }

  save(): SavedOutput {
    const { line, lines, isCut, last } = this;
    return { line, lines, isCut, last };
  }

  take(bytes: Buffer): void {
    let from = 0;
    for (let end = bytes.indexOf(LF); end >= 0 && this.lines < MOST_LINES; end = bytes.indexOf(LF, from)) {
      this.add(bytes.subarray(from, end));
      this.end();
      from = end + 1;
    }
    const rest = bytes.subarray(from);
    if (this.lines < MOST_LINES) this.add(rest);
    else this.takeLast(rest);
  }

  /** The line under way is a line, too. */
  end(): void {
    const text = printable(toText(this.line)).trim();
    this.line = "";
    this.lines++;
    if (text === "") return;
    this.last = text;
    if (this.lines <= MOST_LINES) this.onLine(text);
    else this.cut();
  }

  /** Thousands of short lines may come at once, of which only the last that isn't blank counts by now. */
  private takeLast(bytes: Buffer): void {
    let end = bytes.length;
    while (end > 0 && isBlank(bytes[end - 1]!)) end--;
    const start = end === 0 ? 0 : bytes.lastIndexOf(LF, end - 1) + 1;
    if (start > 0) {
      this.line = "";
      this.cut();
    }
    const next = bytes.indexOf(LF, end);
    this.add(bytes.subarray(start, next < 0 ? bytes.length : next));
    if (next >= 0) this.end();
  }

  /** Says once that there is more. */
  private cut(): void {
    if (!this.isCut) this.onLine("(what else it writes is left out)");
    this.isCut = true;
  }

  private add(part: Buffer): void {
    this.line += part.toString("latin1", 0, LONGEST_LINE - this.line.length);
  }
}

/** A space, or a control character, which is printed as one. */
function isBlank(byte: number): boolean {
  return byte <= SPACE || byte === DELETE;
}
