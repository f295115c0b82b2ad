// A call to a supervisor on behalf of a command: what goes wrong becomes one line and an exit status.

import { ConnectionLost, callSupervisor } from "../control/client.js";
import { VarlinkError } from "../control/varlink.js";
import { EX_NOPERM, EX_PROTOCOL, EX_UNAVAILABLE } from "../linux/exit-codes.js";
import { CommandError } from "./errors.js";

/** For an answer that a supervisor wouldn't give. */
export function noSupervisor(path: string): CommandError {
  return new CommandError(`${path}: what answered isn't a supervisor`, EX_PROTOCOL);
}

/** For an error that a supervisor has no reason to reply with. */
export function refused(path: string, method: string, cause: VarlinkError): CommandError {
  return new CommandError(`${path}: ${method} was refused: ${cause.error}`, EX_PROTOCOL, { cause });
}

/**
 * @throws {CommandError} when the supervisor can't be reached, turns us away or goes away
 * @throws {VarlinkError} for the errors of our own interface, which only the command can explain
 */
export async function call(...args: Parameters<typeof callSupervisor>): Promise<Record<string, unknown>> {
  const [path, method] = args;
  try {
    return await callSupervisor(...args);
  } catch (error) {
    if (error instanceof ConnectionLost)
      throw new CommandError(`${path}: ${error.message}`, EX_UNAVAILABLE, { cause: error });
    if (error instanceof VarlinkError) {
      if (typeof error.error !== "string") throw noSupervisor(path);
      if (error.error === "tech.fornaxian.zerodown.TooManyWatchers") {
        throw new CommandError(`${path}: it has as many watchers as it takes`, EX_UNAVAILABLE);
      }
      if (error.error.startsWith("tech.fornaxian.zerodown.")) throw error;
      throw refused(path, method, error);
    }
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM") {
      throw new CommandError(`no permission to use ${path}`, EX_NOPERM, { cause: error });
    }
    throw new CommandError(`no supervisor behind ${path}: ${message}`, EX_UNAVAILABLE, { cause: error });
  }
}
