// Describes a descriptor for people.

import { readlinkSync } from "node:fs";
import { native } from "../native/index.js";

/** Returns one line: "stream [::]:8080", "datagram /run/log.sock", "netlink", "/run/app.fifo". */
export function describeFd(fd: number): string {
  const socket = native.describeSocket(fd);
  if (socket === null) return readlinkSync(`/proc/self/fd/${fd}`);
  if (socket.family === "unix") return `${socket.type} ${socket.path || "unnamed"}`;
  if (socket.host === undefined) return socket.family;
  return `${socket.type} ${socket.family === "inet6" ? `[${socket.host}]` : socket.host}:${socket.port}`;
}
