// zerodown check: what in a unit will bite, and the drop-in that fixes it.

import { parseArgs } from "node:util";
import { gatherFacts } from "./check/facts.js";
import { type Finding, shellWord } from "./check/finding.js";
import { checkUnit } from "./check/rules.js";
import { CommandError, parseArguments, UsageError } from "./options.js";
import { EX_NOPERM, EX_UNAVAILABLE, loadUnit, readNamed } from "./target.js";
import { paint } from "./terminal.js";

export const CHECK_HELP = `Usage: zerodown check [options] UNIT

Says what in the service UNIT, and in its .socket, will bite, why, and the lines for a drop-in that fix it. It looks at
what systemd has read, and changes nothing.

  --user, --system  whose manager UNIT is of (default: --system)
  --json            findings and drop-ins as one JSON object
  --help            this text

error: it doesn't work; warning: it goes wrong sooner or later; note: worth knowing

Exit status: 0 nothing wrong (there may be notes), 1 an error or a warning, 64 wrong usage, 69 no such unit or bus,
77 no permission

Example
  zerodown check app.service
`;

const OPTIONS = {
  user: { type: "boolean" },
  system: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

export async function check(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments("check", () =>
    parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true }),
  );
  if (values.help) {
    process.stdout.write(CHECK_HELP);
    return 0;
  }
  const { unit, scope } = readNamed(values, positionals);
  if (unit === undefined) throw new UsageError("which unit? See zerodown check --help");
  if (!unit.endsWith(".service")) throw new UsageError(`"${unit}" is no service: zerodown runs in services`);

  const { name, findings } = await findingsOf(unit, scope);
  const dropIns = combine(findings);
  const isWrong = findings.some(({ severity }) => severity !== "note");
  const report = { unit: name, wrong: isWrong, findings, dropIns };
  process.stdout.write(
    values.json ? `${JSON.stringify(report, null, 2)}\n` : describe(name, findings, dropIns, scope === "user"),
  );
  return isWrong ? 1 : 0;
}

async function findingsOf(unit: string, scope: "user" | "system") {
  const { ManagerError } = await import("../systemd/dbus.js");
  const { manager, properties } = await loadUnit(unit, scope);
  try {
    if (properties.LoadState === "masked") throw new CommandError(`${unit} is masked`, EX_UNAVAILABLE);
    // An alias has the name that its drop-ins go by, too.
    const name = String(properties.Id);
    return { name, findings: checkUnit(await gatherFacts(name, scope, manager)) };
  } catch (error) {
    if (!(error instanceof ManagerError)) throw error;
    throw new CommandError(`${unit}: ${error.message}`, error.isPermission ? EX_NOPERM : EX_UNAVAILABLE);
  } finally {
    manager.close();
  }
}

interface DropIn {
  readonly unit: string;
  readonly text: string;
}

/** One drop-in a unit, with all fixes. */
export function combine(findings: readonly Finding[]): DropIn[] {
  const units = new Map<string, Map<string, Set<string>>>();
  for (const { fix } of findings) {
    if (!fix) continue;
    const sections = units.get(fix.unit) ?? new Map<string, Set<string>>();
    const fixes = sections.get(fix.section) ?? new Set<string>();
    // As a whole, for the order of its lines matters: "ExecStart=" is before the new one.
    fixes.add(fix.lines.join("\n"));
    units.set(fix.unit, sections.set(fix.section, fixes));
  }
  return [...units].map(([unit, sections]) => {
    const parts = ["Unit", "Service", "Socket"].filter(section => sections.has(section));
    return { unit, text: parts.map(section => `[${section}]\n${[...sections.get(section)!].join("\n")}\n`).join("\n") };
  });
}

const COLOURS = { error: "red", warning: "yellow", note: "dim" } as const;

function describe(unit: string, findings: readonly Finding[], dropIns: readonly DropIn[], isUser: boolean): string {
  const lines: string[] = [];
  for (const severity of ["error", "warning", "note"] as const) {
    for (const finding of findings.filter(finding => finding.severity === severity)) {
      const { setting, value, why, fix } = finding;
      lines.push(`${paint(severity.padEnd(8), COLOURS[severity])} ${paint(`${setting}=${value}`, "bold")}`);
      lines.push(`         ${why}`);
      for (const line of fix?.lines ?? []) lines.push(`         ${paint("fix:", "green")} ${line}`);
    }
  }
  if (findings.length === 0) return `${unit}: nothing wrong\n`;
  const systemctl = isUser ? "systemctl --user" : "systemctl";
  for (const { unit: edited, text } of dropIns) {
    lines.push("", `All of it, as a drop-in: ${systemctl} edit ${shellWord(edited)}`, "", ...indent(text));
  }
  if (dropIns.length > 0)
    lines.push("", `Then: ${systemctl} restart ${dropIns.map(({ unit }) => shellWord(unit)).join(" ")}`);
  return `${lines.join("\n")}\n`;
}

function indent(text: string): string[] {
  return text
    .trimEnd()
    .split("\n")
    .map(line => (line === "" ? "" : `    ${line}`));
}
