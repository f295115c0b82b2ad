// docs/servers.md and docs/examples/servers are what the table of `zerodown unit --for` gives: `make servers`.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { expect, test } from "@jest/globals";
import type { Server } from "../../../src/cli/unit/server.js";
import { SERVERS } from "../../../src/cli/unit/servers.js";
import { FIGURES, type ServerFigures } from "../../../src/packaging/server-figures.js";
import { exampleUnits, withServers } from "../../../src/packaging/server-pages.js";
import { ROOT } from "../../support/supervisor.js";

const EXAMPLES = `${ROOT}docs/examples/servers`;
const figures: Record<string, ServerFigures> = JSON.parse(readFileSync(`${ROOT}docs/${FIGURES}`, "utf8"));
const page = readFileSync(`${ROOT}docs/servers.md`, "utf8");

test("the page is as make servers writes it", () => {
  expect(withServers(page, figures)).toBe(page);
  for (const name of Object.keys(SERVERS)) expect(page).toContain(`](#${name}) |`);
});

test("each server of the table has figures, of a run in which it lost no more than it may", () => {
  for (const [name, { fresh, kept }] of Object.entries<Server>(SERVERS)) {
    const row = figures[name]!;
    expect([name, row.fresh[1] > 100, row.kept[1] > 100]).toEqual([name, true, true]);
    if (fresh === "0") expect([name, row.fresh[0]]).toEqual([name, 0]);
    if (kept === "0") expect([name, row.kept[0]]).toEqual([name, 0]);
  }
});

test("the examples are the units that are printed, and the files that the table names", () => {
  const there = readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" }).filter(path =>
    statSync(`${EXAMPLES}/${path}`).isFile(),
  );
  const units = exampleUnits();
  const named = Object.entries<Server>(SERVERS).flatMap(([name, { files }]) => files.map(file => `${name}/${file}`));
  expect(there.sort()).toEqual([...units.keys(), ...named, "caddy/Caddyfile", "figures.json"].sort());
  for (const [path, text] of units) expect(readFileSync(`${EXAMPLES}/${path}`, "utf8")).toBe(text);
});
