// Reads the blocks of code in the pages of the documentation.

import { readFileSync } from "node:fs";
import { ROOT } from "./supervisor.js";

/** Returns the blocks of a page that have this language, in their order, each without its fences. */
export function blocksOf(page: string, language: string): string[] {
  const blocks = readFileSync(`${ROOT}${page}`, "utf8").matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...blocks].filter(([, of]) => of === language).map(([, , code]) => code!);
}

/** Returns the block of a page that has this in it. */
export function blockWith(page: string, language: string, text: string): string {
  const blocks = blocksOf(page, language).filter(block => block.includes(text));
  if (blocks.length !== 1) throw new Error(`${page} has ${blocks.length} blocks of ${language} with ${text}, not one`);
  return blocks[0]!;
}
