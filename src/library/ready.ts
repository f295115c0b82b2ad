// Says that this process is ready to serve.

import { Notifier } from "../systemd/as-service/notify.js";
import { say } from "./logger.js";

let notifier: Notifier | undefined;
/** Which of the two has said so; undefined before. */
let saidBy: "startupFinished()" | "serve()" | undefined;

/** Sends to $NOTIFY_SOCKET, the supervisor's or systemd's; does nothing without it. */
export function notify(...assignments: string[]): void {
  notifier ??= new Notifier(process.env, why => say("warning", why));
  notifier.send(assignments);
}

/**
 * Says that this process is ready; the supervisor then tells the old generation to finish. (It sends READY=1, so without a
 * supervisor systemd hears it; with neither nothing happens.) `serve()` does it by itself.
 *
 * @throws {Error} when this process has said so before
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

/** Says so for `serve()`, once all servers listen, unless it was said before. */
export function sayReady(): void {
  // A helper process of the app, without the sockets, must not declare the app ready.
  const { LISTEN_PID } = process.env;
  if (saidBy || (LISTEN_PID !== undefined && LISTEN_PID !== String(process.pid))) return;
  saidBy = "serve()";
  notify("READY=1");
}
