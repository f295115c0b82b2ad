// Why a reload, or a rollback, failed: the supervisor's reason, and what the candidate has written.

import type { ReloadFailure } from "../../control/types.js";
import type { VarlinkError } from "../../control/varlink.js";
import { askStatus } from "../ask-status.js";
import { CommandError } from "../errors.js";
import { addressHint, trialHint } from "./candidate-hint.js";
import { candidateOutput } from "./candidate-output.js";

/** @param isTrial it was only tried */
export async function explainFailure(cause: VarlinkError, path: string, isTrial = false): Promise<CommandError> {
  const { reason = "", pid }: Partial<ReloadFailure> = cause.parameters;
  const status = await askStatus(path).catch(() => undefined);
  const lines = status && pid !== undefined ? candidateOutput(status, pid) : [];
  const { sockets = [] } = status ?? {};
  const hints = [...addressHint(lines, sockets), ...(isTrial ? trialHint(sockets) : [])];
  return new CommandError(reason, 1, { details: [...lines, ...hints], cause });
}
