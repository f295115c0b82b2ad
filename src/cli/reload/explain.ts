// Why a reload, or a rollback, failed: the supervisor's reason, and what the candidate has written.

import type { ReloadFailure } from "../../control/types.js";
import type { VarlinkError } from "../../control/varlink.js";
import { askStatus } from "../ask-status.js";
import { CommandError } from "../errors.js";
import { addressHint } from "./candidate-hint.js";
import { candidateOutput } from "./candidate-output.js";

export async function explainFailure(cause: VarlinkError, path: string): Promise<CommandError> {
  const { reason = "", pid }: Partial<ReloadFailure> = cause.parameters;
  const status = await askStatus(path).catch(() => undefined);
  const lines = status && pid !== undefined ? candidateOutput(status, pid) : [];
  return new CommandError(reason, 1, { details: [...lines, ...addressHint(lines, status?.sockets ?? [])], cause });
}
