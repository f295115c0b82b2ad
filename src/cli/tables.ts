// The tables of all commands, for those who look at them from outside: the man page, completion.

import { CHECK } from "./check/table.js";
import { COMPLETION } from "./completion/table.js";
import { LOGS } from "./logs/table.js";
import { METRICS } from "./metrics/table.js";
import type { CommandTable } from "./options/table.js";
import { RELOAD } from "./reload/table.js";
import { ROLLBACK } from "./rollback/table.js";
import { RUN } from "./run/table.js";
import { SCALE } from "./scale/table.js";
import { STATUS } from "./status/table.js";
import { UNIT, UNIT_OPTIONS } from "./unit/table.js";
import { UPGRADE } from "./upgrade/table.js";

/** As --help shows them. */
export const TABLES: readonly CommandTable[] = [
  ...[RUN, RELOAD, ROLLBACK, SCALE, UPGRADE],
  ...[STATUS, METRICS, LOGS, CHECK, UNIT, COMPLETION],
];

/** Those with all options that they take, shown or not. */
export const COMPLETE_TABLES: readonly CommandTable[] = TABLES.map(table =>
  table.name === UNIT.name ? { ...table, options: UNIT_OPTIONS } : table,
);
