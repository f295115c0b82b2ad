// Logs a line of each priority, and one that holds line feeds.
import { createLog } from "../../build/src/supervisor/log.js";

const log = createLog(process.env);
for (const priority of ["err", "warning", "notice", "info", "debug"]) log(priority, `a line: ${priority}`);
log("info", "one\n  two\n\nthree");
