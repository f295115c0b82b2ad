// Speaks to a supervisor's control socket, also in ways that no honest client would.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { callSupervisor } from "../../src/control/client.js";
import { locateControl } from "../../src/control/locate.js";
import type { ReloadReport, StatusReport } from "../../src/control/types.js";
import { encode, type VarlinkError } from "../../src/control/varlink.js";
import type { TestSupervisor } from "./supervisor.js";

export function controlPath(supervisor: TestSupervisor): string {
  const path = locateControl(supervisor.pid);
  if (path === undefined) throw new Error("the supervisor has no control socket");
  return path;
}

export async function statusOf(supervisor: TestSupervisor): Promise<StatusReport> {
  return (await callSupervisor(controlPath(supervisor), "Status", {})) as unknown as StatusReport;
}

export async function reloadBy(
  supervisor: TestSupervisor,
  parameters: Record<string, unknown> = {},
  onReply?: (report: ReloadReport) => void,
): Promise<ReloadReport> {
  const options = onReply
    ? { onReply: (part: Record<string, unknown>) => onReply(part as unknown as ReloadReport) }
    : {};
  return (await callSupervisor(controlPath(supervisor), "Reload", parameters, options)) as unknown as ReloadReport;
}

/** Resolves with the error that a call is refused with. */
export async function failure(call: Promise<unknown>): Promise<VarlinkError> {
  return call.then(
    () => {
      throw new Error("it did not fail");
    },
    error => error as VarlinkError,
  );
}

/** A raw connection; `replies` collects what comes until the other side closes. */
export async function rawConnection(path: string): Promise<{ socket: Socket; replies: Promise<string> }> {
  const socket = connect(path);
  let text = "";
  socket.on("data", data => {
    text += data;
  });
  socket.on("error", () => {});
  const replies = once(socket, "close").then(() => text);
  await once(socket, "connect");
  return { socket, replies };
}

/** Takes all the places that there are for clients. */
export async function fillControl(path: string): Promise<Socket[]> {
  const clients = await Promise.all(Array.from({ length: 16 }, () => rawConnection(path)));
  for (const { socket } of clients) {
    socket.write(encode({ method: "org.varlink.service.GetInfo" }));
    await once(socket, "data");
  }
  return clients.map(({ socket }) => socket);
}
