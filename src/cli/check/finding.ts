// The vocabulary of the rules of `zerodown check`: findings, and their fixes.

import { commandLine } from "../../systemd/formats/unit-files.js";
import type { Facts } from "./facts.js";

export interface Fix {
  readonly unit: string;
  readonly section: "Unit" | "Service" | "Socket";
  readonly lines: readonly string[];
}

export interface Finding {
  /** error: it doesn't work. warning: it goes wrong sooner or later. note: worth knowing. */
  readonly severity: "error" | "warning" | "note";
  readonly setting: string;
  readonly value: string;
  readonly why: string;
  /** Undefined where only people know what is right. */
  readonly fix?: Fix;
}

export type Rule = (facts: Facts) => readonly Finding[];

export function serviceFix(unit: string, ...lines: string[]): Fix {
  return { unit, section: "Service", lines };
}

export function shown(command: readonly string[]): string {
  return command.join(" ").replace(/\s+/g, " ");
}

/** ExecStart= with all that is wrong with it put right, so that two findings have one fix. */
export function execStartFix({ unit, runArguments, zerodown, realDirectory, service, run }: Facts): { fix?: Fix } {
  if (runArguments === null) return {};
  const directory = String(service.WorkingDirectory ?? "").replace(/^!/, "");
  const isSwapped = realDirectory !== undefined && realDirectory !== directory && run?.workingDirectory === undefined;
  const command = [zerodown, "run", ...(isSwapped ? ["--working-directory", directory] : []), ...runArguments];
  return { fix: serviceFix(unit, "ExecStart=", `ExecStart=${commandLine(command, true)}`) };
}

/** As a word of a command that a shell is to read, which takes \ and the like for its own. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
