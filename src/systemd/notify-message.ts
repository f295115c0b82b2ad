// What a datagram of the notify protocol says: sd_notify(3).

import { getSystemErrorName } from "node:util";

/** The assignments that matter to the supervisor; others are left out. */
export interface NotifyMessage {
  ready?: true;
  stopping?: true;
  status?: string;
  /** EXTEND_TIMEOUT_USEC=, microseconds. */
  extend?: number;
  /** ERRNO= or EXIT_STATUS=, in words. */
  reported?: string;
}

/** The longest STATUS= that is kept: it must still fit, with ours around it, into a message to systemd. */
const STATUS_CHARACTERS = 1024;

/**
 * Reads one datagram.
 *
 * @returns null when it is malformed: not UTF-8, or with NUL bytes in it (one at the end is allowed)
 */
export function parseNotifyMessage(data: Buffer): NotifyMessage | null {
  const text = decode(data);
  if (text === null) return null;
  const message: NotifyMessage = {};
  for (const line of text.split("\n")) {
    const [, name, value = ""] = /^([^=]+)=(.*)$/s.exec(line) ?? [];
    switch (name) {
      case "READY":
        if (value === "1") message.ready = true;
        break;
      case "STOPPING":
        if (value === "1") message.stopping = true;
        break;
      case "STATUS":
        message.status = value.replace(/[\x00-\x1f\x7f]/g, " ").slice(0, STATUS_CHARACTERS);
        break;
      case "EXTEND_TIMEOUT_USEC":
        if (/^\d+$/.test(value)) message.extend = Math.min(Number(value), Number.MAX_SAFE_INTEGER);
        break;
      case "ERRNO":
        if (/^\d{1,4}$/.test(value) && Number(value) > 0)
          message.reported = `it reported ERRNO=${value}, ${errorName(Number(value))}`;
        break;
      case "EXIT_STATUS":
        if (/^\d{1,3}$/.test(value)) message.reported = `it reported EXIT_STATUS=${value}`;
        break;
    }
  }
  return message;
}

function decode(data: Buffer): string | null {
  const bytes = data.at(-1) === 0 ? data.subarray(0, -1) : data;
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function errorName(errno: number): string {
  return getSystemErrorName(-errno);
}
