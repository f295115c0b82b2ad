// How a command ends that can't do what it was asked for: one line on stderr, and an exit status.

import { EX_USAGE } from "../linux/exit-codes.js";

/** How a command fails. */
export class CommandError extends Error {
  /** Lines that say more, printed below. */
  readonly details: readonly string[];

  /**
   * @param message one line for people
   * @param exitStatus see linux/exit-codes.ts
   */
  constructor(
    message: string,
    readonly exitStatus: number,
    { details = [], cause }: { details?: readonly string[]; cause?: unknown } = {},
  ) {
    // A value from the command line may hold line feeds.
    super(message.replace(/\s*\n\s*/g, " "), { cause });
    this.details = details;
  }
}

/** Tells one by its shape: each command is a bundle of its own, with a class of its own. */
export function isCommandError(error: unknown): error is CommandError {
  return error instanceof Error && typeof (error as CommandError).exitStatus === "number";
}

export class UsageError extends CommandError {
  constructor(message: string, cause?: unknown) {
    super(message, EX_USAGE, { cause });
  }
}
