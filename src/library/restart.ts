// Asks the supervisor for the next generation.

import { ConnectionLost, callSupervisor } from "../control/client.js";
import { locateControl } from "../control/locate.js";
import { VarlinkError } from "../control/varlink.js";

/**
 * The next generation could not take over, and this one serves on. The message is the supervisor's reason.
 *
 * @example
 * ```ts
 * import { RestartError, restart } from "zerodown";
 *
 * try {
 *   await restart();
 * } catch (error) {
 *   if (error instanceof RestartError) console.error(`still on the old code: ${error.message}`);
 * }
 * ```
 */
export class RestartError extends Error {
  override name = "RestartError";
}

/**
 * Starts the next generation from what is on disk now, and waits until it serves. Then the supervisor tells this process to
 * stop, and it finishes its work: the request that asked for the restart gets its answer.
 *
 * @returns the number of the generation that serves now
 * @throws {RestartError} when it failed (with the supervisor's reason: this generation serves on), or there is no supervisor
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { init, restart, serve } from "zerodown";
 *
 * init({ listen: ["@example"] });
 * await serve(
 *   createServer(async (request, response) => {
 *     if (request.url === "/restart") await restart();
 *     response.end("done\n");
 *   }),
 * );
 * ```
 */
export async function restart(): Promise<number> {
  const supervisor = Number(process.env.ZERODOWN_SUPERVISOR_PID);
  if (!supervisor) throw new RestartError("no supervisor: neither init() nor `zerodown run` started this process");
  const control = locateControl(supervisor);
  if (control === undefined) {
    throw new RestartError(`the supervisor (pid ${supervisor}) has no control socket, or it can't be found`);
  }
  try {
    const { generation } = await callSupervisor(control, "Reload", {});
    return Number(generation);
  } catch (error) {
    throw new RestartError(reasonOf(error), { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof VarlinkError) return String(error.parameters.reason ?? error.error);
  if (error instanceof ConnectionLost) return error.message;
  return `the supervisor can't be reached: ${(error as Error).message}`;
}
