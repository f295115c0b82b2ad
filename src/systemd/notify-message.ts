// What a datagram of the notify protocol says: sd_notify(3).

import { getSystemErrorName } from "node:util";
import { isFdName } from "./fd-name.js";
import { printable } from "./printable.js";

/** What of a message matters to the supervisor. Times are microseconds. */
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
  /** For people: what is wrong with an assignment. */
  problem?: string;
  /** Assignments that a service may send, but that aren't for generations. */
  unheeded?: string[];
}

/** What FDSTORE=1 without a valid FDNAME= is called. */
const UNNAMED = "stored";

/** The longest text that is kept: a STATUS= must still fit, with ours around it, into a message to systemd. */
const TEXT_CHARACTERS = 1024;

/** The service manager's main process stays the supervisor, and reloads are its own. */
const NOT_FOR_GENERATIONS = /^(?:MAINPID|MAINPIDFDID|NOTIFYACCESS|RELOADING)=/;

/**
 * Reads one datagram. As in systemd, the first of several assignments to one variable counts.
 *
 * @returns null when it is malformed: not UTF-8, or with NUL bytes in it (one at the end is allowed)
 */
export function parseNotifyMessage(data: Buffer): NotifyMessage | null {
  const text = decode(data);
  if (text === null) return null;
  const lines = text.split("\n");
  const value = (name: string) => lines.find(line => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const number = (name: string) => (/^\d+$/.test(value(name) ?? "") ? Number(value(name)) : undefined);

  const message: NotifyMessage = {};
  if (lines.includes("READY=1")) message.ready = true;
  if (lines.includes("STOPPING=1")) message.stopping = true;
  const status = value("STATUS");
  if (status !== undefined) message.status = oneLine(status);
  const extend = number("EXTEND_TIMEOUT_USEC");
  if (extend !== undefined) message.extend = Math.min(extend, Number.MAX_SAFE_INTEGER);
  readReport(message, value);
  if (lines.includes("WATCHDOG=1")) message.watchdog = "ping";
  if (lines.includes("WATCHDOG=trigger")) message.watchdog = "trigger";
  const timeout = number("WATCHDOG_USEC");
  if (timeout !== undefined) message.watchdogTimeout = timeout > Number.MAX_SAFE_INTEGER ? Infinity : timeout;
  readStore(message, lines, value("FDNAME"));
  const unheeded = lines.filter(line => NOT_FOR_GENERATIONS.test(line));
  if (unheeded.length > 0) message.unheeded = unheeded.map(oneLine);
  return message;
}

/** Why it fails, in its own words. */
function readReport(message: NotifyMessage, value: (name: string) => string | undefined): void {
  const errno = value("ERRNO") ?? "";
  const status = value("EXIT_STATUS") ?? "";
  const [error = ""] = [value("BUSERROR"), value("VARLINKERROR")].filter(Boolean);
  const reports = [
    /^\d{1,4}$/.test(errno) && Number(errno) > 0 && `ERRNO=${errno}, ${errorName(Number(errno))}`,
    /^\d{1,3}$/.test(status) && `EXIT_STATUS=${status}`,
    /^[\w.]{1,255}$/.test(error) && `${value("BUSERROR") ? "BUSERROR" : "VARLINKERROR"}=${error}`,
  ].filter(Boolean);
  if (reports.length > 0) message.reported = `it reported ${reports.join(", ")}`;
}

function readStore(message: NotifyMessage, lines: readonly string[], given: string | undefined): void {
  const name = given !== undefined && isFdName(given) ? given : undefined;
  const wrong = `FDNAME=${printable(given ?? "").slice(0, 300)} is no name (up to 255 ASCII characters, no ":" and no control characters)`;
  if (lines.includes("FDSTOREREMOVE=1")) {
    if (name !== undefined) message.remove = name;
    else message.problem = `FDSTOREREMOVE=1 removes nothing: ${given === undefined ? "it lacks an FDNAME=" : wrong}`;
  } else if (lines.includes("FDSTORE=1")) {
    message.store = { name: name ?? UNNAMED, poll: !lines.includes("FDPOLL=0") };
    if (given !== undefined && name === undefined) message.problem = `${wrong}, "${UNNAMED}" is used`;
  }
}

function decode(data: Buffer): string | null {
  const bytes = data.at(-1) === 0 ? data.subarray(0, -1) : data;
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
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
