// A server answers requests of its own before it takes clients, so that these don't meet code that has never run.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, RequestOptions } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { say } from "./logger.js";

export interface WarmOptions {
  /**
   * What the server asks itself for by GET, one after the other, again and again: `["/", "/login"]`. It answers as it would
   * answer a client, so these requests must do no harm. Over TLS they aren't checked against a certificate. A server of HTTP/2
   * that takes no HTTP/1.1 needs `run`.
   *
   * @default []
   */
  paths?: readonly string[] | undefined;
  /**
   * Called instead, with the path of a unix socket on which the server answers while this runs.
   *
   * @default nothing
   */
  run?: ((socketPath: string) => unknown) | undefined;
  /**
   * How often each path is asked for.
   *
   * @default 200
   */
  times?: number | undefined;
  /**
   * How long all of it may take, ms: then the server takes clients, warm or not.
   *
   * @default 2000
   */
  time?: number | undefined;
}

const OPTIONS = ["paths", "run", "times", "time"];

/** @throws {TypeError | RangeError} when an option is wrong */
export function checkWarm(warm: WarmOptions, server: Server): void {
  if (typeof warm !== "object" || warm === null) throw new TypeError("serve(): warm isn't an object");
  const { paths = [], run, times = 1, time = 1 } = warm;
  const unknown = Object.keys(warm).find(name => !OPTIONS.includes(name));
  if (unknown !== undefined) throw new TypeError(`serve(): warm has no "${unknown}", but ${OPTIONS.join(", ")}`);
  if (run !== undefined && typeof run !== "function") throw new TypeError("serve(): warm.run isn't a function");
  if (!Array.isArray(paths) || paths.some(path => typeof path !== "string" || !path.startsWith("/"))) {
    throw new TypeError('serve(): warm.paths isn\'t a list of paths ("/", "/login" …)');
  }
  for (const [name, value] of Object.entries({ times, time })) {
    if (!(typeof value === "number" && value >= 0))
      throw new RangeError(`serve(): warm.${name}: ${value} isn't a number`);
  }
  if (paths.length > 0 && !("closeIdleConnections" in server)) {
    throw new TypeError("serve(): warm.paths are asked for by HTTP/1.1, which this server doesn't speak: use warm.run");
  }
}

/** A failure is told of, and keeps nobody from serving: what must not serve is for `--probe` to find. */
export async function warmUp(
  server: Server,
  { paths = [], run, times = 200, time = 2000 }: WarmOptions,
): Promise<void> {
  const { allowHalfOpen = false } = server as { allowHalfOpen?: boolean };
  const sockets: Socket[] = [];
  const own = createServer({ allowHalfOpen }, socket => {
    sockets.push(socket);
    server.emit("connection", socket);
  });
  let directory: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    directory = mkdtempSync(`${tmpdir()}/zerodown-`);
    own.listen(`${directory}/socket`);
    await once(own, "listening");
    const end = new Promise<void>(resolve => (timer = setTimeout(resolve, time)));
    const isOver = end.then(() => true);
    const work = run
      ? Promise.resolve(run(own.address() as string))
      : ask(server, own.address() as string, paths, times, isOver);
    await Promise.race([work, end]);
  } catch (error) {
    say("warning", `warm: ${(error as Error)?.message ?? error}`);
  } finally {
    clearTimeout(timer);
    own.close();
    // An answer that doesn't end, as that of a stream of events, would count as a client's for ever.
    for (const socket of sockets) socket.destroy();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  }
}

async function ask(
  server: Server,
  socketPath: string,
  paths: readonly string[],
  times: number,
  isOver: Promise<boolean>,
): Promise<void> {
  let goesOn = true;
  void isOver.then(() => (goesOn = false));
  const { request, Agent } = await ("setSecureContext" in server ? import("node:https") : import("node:http"));
  const agent = new Agent({ keepAlive: true });
  const options = { socketPath, agent, rejectUnauthorized: false };
  try {
    for (let count = 0; count < times && goesOn; count++) {
      for (const path of paths) if (goesOn) await get(request, { ...options, path, host: "localhost" });
    }
  } finally {
    agent.destroy();
  }
}

function get(request: typeof import("node:http").request, options: RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(options, (response: IncomingMessage) => {
      response.resume().once("end", resolve).once("error", reject);
    });
    asked.once("error", reject).end();
  });
}
