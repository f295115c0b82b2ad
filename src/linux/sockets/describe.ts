// Describes a descriptor for people.

import { native } from "../../native/index.js";
import { descriptorLink } from "../proc.js";

/** Returns one line: "stream [::]:8080", "datagram /run/log.sock", "netlink", "/run/app.fifo". */
export function describeFd(fd: number): string {
  const socket = native.describeSocket(fd);
  if (socket === null) return descriptorLink(fd) ?? `descriptor ${fd}`;
  if (socket.family === "unix") return `${socket.type} ${socket.path || "unnamed"}`;
  if (socket.host === undefined) return socket.family;
  return `${socket.type} ${socket.family === "inet6" ? `[${socket.host}]` : socket.host}:${socket.port}`;
}
