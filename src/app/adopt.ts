// For frameworks that make their server themselves, and call listen() themselves.

import { Server } from "node:net";
import { type Served, type ServeOptions, serveOr } from "./serve.js";

/** For the server that calls listen() next. */
let isWaiting = false;

/**
 * Serves, as `serve()` does, the server that calls `listen()` next, wherever in this process: on the socket that was passed,
 * or else where it wants to listen itself. To be called before it does.
 *
 * A framework that ends the process by itself at SIGINT or SIGTERM must be told not to.
 *
 * @returns when that server listens
 * @throws {Error} as serve() does; the server then has an "error" event, too. And when an earlier call still waits
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { adopt } from "zerodown";
 *
 * const served = adopt();
 * // What a framework does:
 * createServer((_, response) => response.end("Hello\n")).listen(0);
 * console.log((await served).address);
 * ```
 */
export async function adopt(options: Omit<ServeOptions, "listen"> = {}): Promise<Served> {
  if (isWaiting) throw new Error("adopt() was called before, and its server doesn't listen yet: one after the other");
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
