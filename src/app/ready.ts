// Saying that this process is ready to serve.

import { Notifier } from "../systemd/notify.js";
import { say } from "./logger.js";

let notifier: Notifier | undefined;
/** Who said it. */
let saidBy: "startupFinished()" | "serve()" | undefined;

/** Sends to $NOTIFY_SOCKET, the supervisor's or systemd's; without it nothing happens. */
export function notify(...assignments: string[]): void {
  notifier ??= new Notifier(process.env, why => say("warning", why));
  notifier.send(assignments);
}

/**
 * Says that this process is ready: the supervisor then tells the one before it to finish. (It sends READY=1, so that a
 * systemd without a supervisor hears it too; with neither nothing happens.) `serve()` does it by itself.
 *
 * @throws {Error} when it was said before
 * @example
 * ```ts
 * import { createServer } from "node:net";
 * import { init, listenFds, startupFinished } from "zerodown";
 *
 * init({ listen: ["@example"] });
 * const server = createServer(socket => socket.end("Hello\n"));
 * server.listen({ fd: listenFds()[0]!.fd }, () => startupFinished());
 * ```
 */
export function startupFinished(): void {
  if (saidBy === "serve()") {
    throw new Error("startupFinished(): serve() has said so already; with { ready: false } it leaves that to you");
  }
  if (saidBy) throw new Error("startupFinished() was called before");
  saidBy = "startupFinished()";
  notify("READY=1");
}

/** The same by `serve()`, once all servers listen; whoever said it before was right. */
export function sayReady(): void {
  // In a process that the app has started itself, and that is not the one with the sockets, it says nothing of the app.
  const { LISTEN_PID } = process.env;
  if (saidBy || (LISTEN_PID !== undefined && LISTEN_PID !== String(process.pid))) return;
  saidBy = "serve()";
  notify("READY=1");
}
