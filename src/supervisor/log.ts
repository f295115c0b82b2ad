// Writes a line for each event: to systemd's journal as an entry with fields where stderr is its stream, else to stderr, in
// colour for a terminal.

import { readlinkSync } from "node:fs";
import { openStderr } from "../linux/stderr.js";
import type { Priority } from "../machine/effects.js";
import { MESSAGE_IDS, type News } from "../machine/news.js";
import { isJournalStream, isStderrSocket, Journal } from "../systemd/as-service/journal.js";
import { newsFields } from "./news-fields.js";

const STDERR = 2;
const LEVELS = { err: 3, warning: 4, notice: 5, info: 6, debug: 7 };
/** LOG_DAEMON of syslog(3), as what comes by the stream has it. */
const DAEMON = 3;
const COLOURS: Partial<Record<Priority, string>> = { err: "\x1b[31m", warning: "\x1b[33m", notice: "\x1b[1m" };

/** @param news what programs may want to know of it */
export type Log = (priority: Priority, text: string, news?: News) => void;

/** Where lines go; throws where nobody takes one now. */
interface Sink {
  readonly name: string;
  readonly hasDebug: boolean;
  readonly write: Log;
}

/** @param environment JOURNAL_STREAM, NO_COLOR and TERM are read */
export function createLog(environment: NodeJS.ProcessEnv): Log {
  const { name, hasDebug, write } = chooseSink(environment);
  let missing = 0;
  return (priority, text, news) => {
    if (priority === "debug" && !hasDebug) return;
    try {
      if (missing > 0) write("warning", `log lines missing here, for ${name} took none: ${missing}`);
      missing = 0;
      write(priority, text, news);
    } catch {
      // It is full or gone, and there is nowhere else to say so.
      missing++;
    }
  };
}

function chooseSink(environment: NodeJS.ProcessEnv): Sink {
  const write = openStderr();
  const lines = (format: (priority: Priority, line: string) => string): Log => {
    return (priority, text) => write(`${format(priority, text.replace(/\s*\n\s*/g, " "))}\n`);
  };
  if (isJournalStream(environment.JOURNAL_STREAM)) {
    const prefixed = lines((priority, line) => `<${LEVELS[priority]}>${line}`);
    if (!isStderrSocket()) return { name: "stderr", hasDebug: true, write: prefixed };
    return { name: "the journal", hasDebug: true, write: toJournal(new Journal(), prefixed) };
  }
  const colours = isTerminal() && !environment.NO_COLOR && environment.TERM !== "dumb" ? COLOURS : {};
  const coloured = lines((priority, line) => {
    const colour = colours[priority];
    return colour ? `zerodown: ${colour}${line}\x1b[0m` : `zerodown: ${line}`;
  });
  return { name: "stderr", hasDebug: false, write: coloured };
}

/** The fields are those of systemd.journal-fields(7), and ours. */
function toJournal(journal: Pick<Journal, "send">, instead: Log): Log {
  return (priority, text, news) => {
    const common = { PRIORITY: LEVELS[priority], SYSLOG_IDENTIFIER: "zerodown", SYSLOG_FACILITY: DAEMON };
    if (
      !journal.send({
        MESSAGE: text,
        ...common,
        ...(news && { MESSAGE_ID: MESSAGE_IDS[news.event], ...newsFields(news) }),
      })
    )
      instead(priority, text);
  };
}

/** node:tty knows too, and would cost every idle supervisor 1.5 MB. */
function isTerminal(): boolean {
  try {
    return /^\/dev\/(?:pts\/|tty|console)/.test(readlinkSync(`/proc/self/fd/${STDERR}`));
  } catch {
    return false;
  }
}
