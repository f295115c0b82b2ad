// Each target has a file of the inputs that are kept: each line is a JSON string, each character a byte.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { ROOT } from "../support/supervisor.js";

function file(target: string): string {
  return `${ROOT}test/fuzz/corpus/${target}.jsonl`;
}

export function readCorpus(target: string): Buffer[] {
  if (!existsSync(file(target))) return [];
  const lines = readFileSync(file(target), "utf8").split("\n").filter(Boolean);
  return lines.map(line => Buffer.from(JSON.parse(line), "latin1"));
}

export function writeCorpus(target: string, inputs: readonly Buffer[]): void {
  const lines = inputs.map(input => JSON.stringify(input.toString("latin1")).replace(/[\x7f-\xff]/g, escaped));
  writeFileSync(file(target), lines.map(line => `${line}\n`).join(""));
}

function escaped(character: string): string {
  return `\\u00${character.charCodeAt(0).toString(16)}`;
}
