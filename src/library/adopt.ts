// adopt() serves frameworks that make their server, and call listen(), themselves.

import { Server } from "node:net";
import { type Served, type ServeOptions, serveOr } from "./serve.js";

/** Whether an adopt() still waits for a server to call listen(). */
let isWaiting = false;

/**
 * Does what `serve()` does for the server in this process that calls `listen()` next: that server listens on the passed
 * socket, or else where it wants to. Call `adopt()` before the server listens.
 *
 * A framework that ends the process by itself at SIGINT or SIGTERM must be told not to.
 *
 * @returns when that server listens
 * @throws {Error} as serve() does, and the server then emits "error", too; also when an earlier call still waits
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { adopt } from "zerodown";
 *
 * const served = adopt();
 * // A framework does this:
 * createServer((_, response) => response.end("Hello\n")).listen(0);
 * console.log((await served).address);
 * ```
 */
export async function adopt(options: Omit<ServeOptions, "listen" | "reusePort"> = {}): Promise<Served> {
  if (isWaiting) throw new Error("adopt() was called before, and its server doesn't listen yet: wait for that first");
  isWaiting = true;
  const { listen } = Server.prototype;
  return new Promise((resolve, reject) => {
    Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
      Server.prototype.listen = listen;
      isWaiting = false;
      const callback = args.at(-1);
      if (typeof callback === "function") this.once("listening", callback as () => void);
      const rest = args.filter(arg => typeof arg !== "function");
      serveOr(this, options, () => Reflect.apply(listen, this, rest)).then(resolve, error => {
        reject(error);
        this.emit("error", error);
      });
      return this;
    };
  });
}
