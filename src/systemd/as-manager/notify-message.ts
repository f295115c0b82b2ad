// Parses a datagram of the notify protocol: sd_notify(3).

import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { isFdName } from "../formats/fd-name.js";
import { printable } from "../formats/printable.js";

/** The part of a message that matters to the supervisor. Times are microseconds. */
export interface NotifyMessage {
  ready?: true;
  stopping?: true;
  status?: string;
  /** EXTEND_TIMEOUT_USEC= */
  extend?: number;
  /** ERRNO=, EXIT_STATUS=, BUSERROR= or VARLINKERROR=, in words. */
  reported?: string;
  /** WATCHDOG=1 or WATCHDOG=trigger */
  watchdog?: "ping" | "trigger";
  /** WATCHDOG_USEC=; `Infinity` for its largest value */
  watchdogTimeout?: number;
  /** FDSTORE=1, with the FDNAME= and FDPOLL= that go with it */
  store?: { name: string; poll: boolean };
  /** FDSTOREREMOVE=1: the FDNAME= */
  remove?: string;
  /** X_ZERODOWN_HANDOVER=1: the socket that comes along is its channel, see docs/handover.md */
  handsOver?: true;
  /** Tells people what is wrong with an assignment. */
  problem?: string;
  /** Assignments that a service may send, but that aren't for generations. */
  unheeded?: string[];
}

/** FDSTORE=1 without a valid FDNAME= gets this name. */
const UNNAMED = "stored";

/** The largest that systemd takes. */
const MAX_ERRNO = 4095;

/** The longest text that is kept: a STATUS= must still fit, with ours around it, into a message to systemd. */
const TEXT_CHARACTERS = 1024;

/** The service manager's main process stays the supervisor, and reloads are its own. */
const NOT_FOR_GENERATIONS = /^(?:MAINPID|MAINPIDFDID|NOTIFYACCESS|RELOADING)=/;

/**
 * Reads one datagram as systemd does: of several assignments to one variable the first counts, STOPPING=1 overrules
 * READY=1, and what is wrong with one variable costs no other.
 *
 * @returns null when systemd drops all of it: see split()
 */
export function parseNotifyMessage(data: Buffer): NotifyMessage | null {
  const lines = split(data);
  if (lines === null) return null;
  const value = (name: string) => lines.find(line => line.startsWith(`${name}=`))?.slice(name.length + 1);

  const message: NotifyMessage = {};
  if (lines.includes("STOPPING=1")) message.stopping = true;
  else if (lines.includes("READY=1")) message.ready = true;
  readStatus(message, value("STATUS"));
  const extend = number(value("EXTEND_TIMEOUT_USEC"));
  if (extend !== undefined) message.extend = Math.min(extend, Number.MAX_SAFE_INTEGER);
  readReport(message, value);
  const watchdog = value("WATCHDOG");
  if (watchdog === "1") message.watchdog = "ping";
  if (watchdog === "trigger") message.watchdog = "trigger";
  const timeout = number(value("WATCHDOG_USEC"));
  if (timeout !== undefined) message.watchdogTimeout = timeout > Number.MAX_SAFE_INTEGER ? Infinity : timeout;
  readStore(message, lines, value("FDNAME"));
  if (lines.includes("X_ZERODOWN_HANDOVER=1")) message.handsOver = true;
  const unheeded = lines.filter(line => NOT_FOR_GENERATIONS.test(line));
  if (unheeded.length > 0) message.unheeded = unheeded.map(oneLine);
  return message;
}

/**
 * Splits a datagram into its assignments, one character a byte: they are separated by line feeds and carriage returns,
 * and a backslash stands for the character after it, even a line feed.
 *
 * @returns null when NUL bytes are in it (one at the end is allowed), or when it ends with such a backslash
 */
function split(data: Buffer): string[] | null {
  const text = data.toString("latin1").replace(/\0$/, "");
  const words = text.match(/(?:[^\\\n\r]|\\.)+/gs) ?? [];
  const isCut = text.replace(/\\./gs, "").endsWith("\\");
  return text.includes("\0") || isCut ? null : words.map(word => word.replace(/\\(.)/gs, "$1"));
}

/** A STATUS= that isn't UTF-8 clears the last one, as an empty one does. */
function readStatus(message: NotifyMessage, bytes: string | undefined): void {
  if (bytes === undefined) return;
  const status = decode(bytes);
  message.status = oneLine(status ?? "");
  if (status === null) message.problem = "STATUS= isn't UTF-8: it is ignored";
}

/** A number of 64 bits, as strtoull(3) reads it, and in C's other notations. */
function number(text = ""): number | undefined {
  const [, digits] = /^[ \t]*\+?(0x[\da-f]+|0b[01]+|0[0-7]*|0o[0-7]+|[1-9]\d*)$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = BigInt(digits.replace(/^0(?=\d)/, "0o"));
  return value < 2n ** 64n ? Number(value) : undefined;
}

/** Reads the reason that a process gives for its failure. */
function readReport(message: NotifyMessage, value: (name: string) => string | undefined): void {
  const errno = errnoOf(value("ERRNO"));
  const status = value("EXIT_STATUS") ?? "";
  const [error = ""] = [value("BUSERROR"), value("VARLINKERROR")].filter(Boolean);
  const reports = [
    errno && `ERRNO=${errno}, ${errorName(errno)}`,
    /^\d{1,3}$/.test(status) && `EXIT_STATUS=${status}`,
    /^[\w.]{1,255}$/.test(error) && `${value("BUSERROR") ? "BUSERROR" : "VARLINKERROR"}=${error}`,
  ].filter(Boolean);
  if (reports.length > 0) message.reported = `it reported ${reports.join(", ")}`;
}

function readStore(message: NotifyMessage, lines: readonly string[], given: string | undefined): void {
  const name = given !== undefined && isFdName(given) ? given : undefined;
  const shown = printable(Buffer.from(given ?? "", "latin1").toString()).slice(0, 300);
  const wrong = `FDNAME=${shown} isn't a name (up to 255 ASCII characters, no ":" and no control characters)`;
  if (lines.includes("FDSTOREREMOVE=1")) {
    if (name !== undefined) message.remove = name;
    else message.problem = `FDSTOREREMOVE=1 removes nothing: ${given === undefined ? "it lacks an FDNAME=" : wrong}`;
  } else if (lines.includes("FDSTORE=1")) {
    message.store = { name: name ?? UNNAMED, poll: !lines.includes("FDPOLL=0") };
    if (given !== undefined && name === undefined) message.problem = `${wrong}, "${UNNAMED}" is used`;
  }
}

/** Takes a number or a name; 0 when it is neither. */
function errnoOf(text = ""): number {
  const errno = (constants.errno as Record<string, number>)[text] ?? number(text) ?? 0;
  return errno <= MAX_ERRNO ? errno : 0;
}

/** @returns null when it isn't UTF-8; nor are "noncharacters" to systemd, which would drop a text of ours with one */
function decode(bytes: string): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, "latin1"));
    return /\p{Noncharacter_Code_Point}/u.test(text) ? null : text;
  } catch {
    return null;
  }
}

function oneLine(text: string): string {
  return printable(text).slice(0, TEXT_CHARACTERS);
}

function errorName(errno: number): string {
  return getSystemErrorName(-errno);
}
