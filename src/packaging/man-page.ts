// Writes the options of every command into docs/zerodown.1, between the comments that say which: `make man`.

import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { manOptions } from "../cli/options/man.js";
import { TABLES } from "../cli/tables.js";

/**
 * The page with the options as the tables have them.
 *
 * @throws {RangeError} where it asks for those of a command that there isn't
 */
export function withOptions(page: string): string {
  return page.replace(
    /^(\.\\" options: (\w+)(?: (\w+))?\n)[\s\S]*?(?=^\.\\" end)/gm,
    (_, start: string, name: string, group?: string) => {
      const table = TABLES.find(table => table.name === name);
      if (!table) throw new RangeError(`the page asks for the options of "${name}", which isn't a command`);
      return start + manOptions(table, group);
    },
  );
}

const [, script, page] = argv;
if (script === import.meta.filename && page !== undefined) {
  writeFileSync(page, withOptions(readFileSync(page, "utf8")));
}
