// zerodown check: what in a unit will bite, and the drop-in that fixes it.

import { EX_NOPERM, EX_UNAVAILABLE } from "../linux/exit-codes.js";
import { readFacts } from "./check/facts.js";
import { type Finding, shellWord } from "./check/finding.js";
import { checkUnit } from "./check/rules.js";
import { CHECK } from "./check/table.js";
import { CommandError, UsageError } from "./errors.js";
import { helpText } from "./options/help.js";
import { parseCommandLine } from "./options/parse.js";
import { loadUnit, readNamed } from "./target.js";
import { paint } from "./terminal.js";

export async function check(args: readonly string[]): Promise<number> {
  const { values, operands } = parseCommandLine(CHECK, args);
  if (values.help) {
    process.stdout.write(helpText(CHECK));
    return 0;
  }
  const { unit, scope } = readNamed(values, operands);
  if (unit === undefined) throw new UsageError("which unit? See zerodown check --help");
  if (!unit.endsWith(".service")) throw new UsageError(`"${unit}" isn't a service, and zerodown runs in services`);

  const { name, findings } = await findingsOf(unit, scope);
  const dropIns = combine(findings);
  const isWrong = findings.some(({ severity }) => severity !== "note");
  const report = { unit: name, wrong: isWrong, findings, dropIns };
  process.stdout.write(
    values.json ? `${JSON.stringify(report, null, 2)}\n` : describeFindings(name, findings, dropIns, scope === "user"),
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
    return { name, findings: checkUnit(await readFacts(name, scope, manager)) };
  } catch (error) {
    if (!(error instanceof ManagerError)) throw error;
    const status = error.isPermission ? EX_NOPERM : EX_UNAVAILABLE;
    throw new CommandError(`${unit}: ${error.message}`, status, { cause: error });
  } finally {
    manager.close();
  }
}

interface DropIn {
  readonly unit: string;
  readonly text: string;
}

/** Puts all fixes of a unit into one drop-in. */
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

function describeFindings(
  unit: string,
  findings: readonly Finding[],
  dropIns: readonly DropIn[],
  isUser: boolean,
): string {
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
