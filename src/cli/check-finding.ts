// What a rule of `zerodown check` finds.

import type { Facts } from "./check-facts.js";

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

/** As a word of a command that a shell is to read, which takes \ and the like for its own. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
