// One line an event, on stderr: with sd-daemon(3)'s priority prefixes for the journal, in colour for a terminal.

import { fstatSync, readlinkSync } from "node:fs";
import { openStderr } from "../linux/stderr.js";
import type { Priority } from "../machine/effects.js";

const STDERR = 2;
const LEVELS = { err: 3, warning: 4, notice: 5, info: 6, debug: 7 };
const COLOURS: Partial<Record<Priority, string>> = { err: "\x1b[31m", warning: "\x1b[33m", notice: "\x1b[1m" };

export type Log = (priority: Priority, text: string) => void;

/** @param environment JOURNAL_STREAM and NO_COLOR are read */
export function createLog(environment: NodeJS.ProcessEnv): Log {
  const format = chooseFormat(environment);
  const write = openStderr();
  let missing = 0;
  return (priority, text) => {
    const line = format(priority, text.replace(/\s*\n\s*/g, " "));
    if (line === undefined) return;
    try {
      if (missing > 0) write(`${format("warning", `log lines missing here, for stderr took none: ${missing}`)}\n`);
      missing = 0;
      write(`${line}\n`);
    } catch {
      // stderr is full or gone, and there is nowhere else to say so.
      missing++;
    }
  };
}

function chooseFormat(environment: NodeJS.ProcessEnv): (priority: Priority, text: string) => string | undefined {
  if (isJournal(environment.JOURNAL_STREAM)) return (priority, text) => `<${LEVELS[priority]}>${text}`;
  const colours = isTerminal() && !environment.NO_COLOR ? COLOURS : {};
  return (priority, text) => {
    if (priority === "debug") return undefined;
    const colour = colours[priority];
    return colour ? `zerodown: ${colour}${text}\x1b[0m` : `zerodown: ${text}`;
  };
}

/** Whether stderr is the very stream that systemd connected to the journal (systemd.exec(5), $JOURNAL_STREAM). */
function isJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(STDERR, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** node:tty knows too, and would cost every idle supervisor 1.5 MB. */
function isTerminal(): boolean {
  try {
    return /^\/dev\/(?:pts\/|tty|console)/.test(readlinkSync(`/proc/self/fd/${STDERR}`));
  } catch {
    return false;
  }
}
