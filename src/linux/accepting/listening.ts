// The sockets on which somebody is to wait for clients, and whether /proc shows who does.

import { closeSync, fstatSync, readFileSync } from "node:fs";
import { native } from "../../native/index.js";
import { describeFd } from "../sockets/describe.js";
import { fileKey } from "./formats.js";
import type { Listening } from "./look.js";

/** Those that listen, each once. */
export function listeningSockets(fds: readonly number[]): Listening[] {
  const listening = fds.filter(fd => native.describeSocket(fd)?.listening);
  return [...new Map(listening.map(fd => [fstatSync(fd).ino, toListening(fd)])).values()];
}

function toListening(fd: number): Listening {
  const file = fstatSync(fd, { bigint: true });
  return { fd, key: fileKey(file), link: `socket:[${file.ino}]`, name: describeFd(fd) };
}

/**
 * Tries it with an epoll instance of our own.
 *
 * @returns why what waits on sockets can't be seen here, for people; undefined where it can
 */
export function whyUnseen(fd: number): string | undefined {
  const epoll = native.alarm(fd);
  try {
    const [ino, sdev] = toListening(fd).key.split(":");
    const text = readFileSync(`/proc/self/fdinfo/${epoll}`, "utf8");
    return text.includes(` ino:${ino} sdev:${sdev}\n`)
      ? undefined
      : "/proc doesn't tell what an epoll instance watches";
  } catch (error) {
    return (error as Error).message;
  } finally {
    closeSync(epoll);
  }
}
