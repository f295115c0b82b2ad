// zerodown status: what serves, what it uses, and how those before it ended.

import { parseArgs } from "node:util";
import { askStatus } from "./ask-status.js";
import { parseArguments } from "./options.js";
import { gatherFacts, type StatusFacts, stoppedFacts, unitFacts } from "./status/facts.js";
import { formatStatus } from "./status/text.js";
import { watchStatus } from "./status/watch.js";
import { findTarget, loadUnit, readNamed, TARGET_OPTIONS, type Target, type UnitTarget, unitTarget } from "./target.js";
import { paint, Screen, width } from "./terminal.js";

/** As systemctl status exits: the unit isn't running. */
const EX_NOT_RUNNING = 3;

export const STATUS_HELP = `Usage: zerodown status [options] [UNIT]

Shows the supervisor, its sockets and its generations, the newest first: age, memory (resident) and CPU time of all
processes of each, the sockets they have open beside those that were passed, the last STATUS=; and how the last few ended.

Without UNIT, --pid or --control it is for a command of the unit itself. With UNIT it shows systemd's view of it, too.

  --user, --system  whose manager UNIT is of (default: --system)
  --pid PID         the supervisor with this pid
  --control PATH    the supervisor with this control socket
  --watch           show it again after every change, until Ctrl-C
  --json            one JSON object; with --watch one a line. Bytes, and µs (points in time: of CLOCK_MONOTONIC)
  --help            this text

Exit status: 0 it was shown, 3 UNIT is not running, 64 wrong usage, 69 no such unit, bus or supervisor, or it went away,
75 the supervisor doesn't answer, 76 what answered is no supervisor, 77 no permission

Example
  zerodown status app.service
  zerodown status --json app.service | jq '.generations[] | select(.state == "serving") | .memory'
`;

const OPTIONS = {
  ...TARGET_OPTIONS,
  watch: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

export async function status(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments("status", () =>
    parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true }),
  );
  if (values.help) {
    process.stdout.write(STATUS_HELP);
    return 0;
  }
  const end = new AbortController();
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever reads it has seen enough.
    if (error.code !== "EPIPE") throw error;
    end.abort();
  });
  const format = values.json ? toJson : toLines;
  const named = readNamed(values, positionals);
  const unit = named.unit === undefined ? undefined : await loadUnit(named.unit, named.scope);
  try {
    if (unit && isStopped(unit)) {
      print(format(stoppedFacts(unitFacts(unit.properties))));
      return EX_NOT_RUNNING;
    }
    const target = unit ? await orSystemdsHalf(unit, format, async () => unitTarget(unit)) : await findTarget(named);
    if (!values.watch) print(format(await (unit ? orSystemdsHalf(unit, format, () => look(target)) : look(target))));
    else if (values.json) await watchStatus(target, end, facts => print(toJson(facts)));
    else await watchLines(target, end);
    return 0;
  } finally {
    unit?.manager.close();
  }
}

/** Where no supervisor is to be seen, systemd's view of the unit is shown before that is said. */
async function orSystemdsHalf<T>(
  unit: UnitTarget,
  format: (facts: StatusFacts) => string[],
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    print(format(stoppedFacts(unitFacts(unit.properties))));
    throw error;
  }
}

function toLines(facts: StatusFacts): string[] {
  return formatStatus(facts, { width: width(), paint });
}

function toJson(facts: StatusFacts): string[] {
  return [JSON.stringify(facts)];
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map(line => `${line}\n`).join(""));
}

/** Of what never has a main process, like a socket, that isn't said. */
function isStopped({ properties: { MainPID, ActiveState } }: UnitTarget): boolean {
  return MainPID === 0 && ActiveState !== "active";
}

async function look({ control, unit }: Target): Promise<StatusFacts> {
  return gatherFacts(await askStatus(control), unit ? unitFacts(unit.properties) : null);
}

/** On a terminal it is drawn over what was there before; what was last seen stays to be read. */
async function watchLines(target: Target, end: AbortController): Promise<void> {
  if (!process.stdout.isTTY) return watchStatus(target, end, facts => print([...toLines(facts), ""]));
  let last: StatusFacts | undefined;
  let screen: Screen | undefined;
  const draw = (facts: StatusFacts | undefined) => {
    last = facts;
    screen ??= new Screen(() => draw(last));
    if (facts) screen.draw(toLines(facts));
  };
  try {
    await watchStatus(target, end, draw);
  } finally {
    screen?.end();
    if (last) print(toLines(last));
  }
}
