// What the servers of docs/servers.md have lost in this run: the page's table is made from that, by `make server-figures`.

import { readFileSync, writeFileSync } from "node:fs";
import { FIGURES, type ServerFigures } from "../../src/packaging/server-figures.js";
import { ROOT } from "./supervisor.js";

/** Puts them into the file with figures, where $SERVER_FIGURES asks for that. */
export function noteFigures(name: string, { fresh, kept }: ServerFigures): void {
  if (!process.env.SERVER_FIGURES) return;
  const path = `${ROOT}docs/${FIGURES}`;
  const figures = { ...JSON.parse(readFileSync(path, "utf8")), [name]: { fresh, kept } };
  const sorted = Object.fromEntries(Object.entries(figures).sort(([one], [other]) => (one < other ? -1 : 1)));
  const lines = Object.entries(sorted).map(([name, row]) => `  ${JSON.stringify(name)}: ${JSON.stringify(row)}`);
  writeFileSync(path, `{\n${lines.join(",\n")}\n}\n`);
}
