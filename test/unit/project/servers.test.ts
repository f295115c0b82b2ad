// docs/servers.md and docs/examples/servers are what the table of `zerodown unit --for` gives: `make servers`.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { SERVERS, type Server } from "../../../src/cli/unit/servers.js";
import { exampleUnits, withServers } from "../../../src/packaging/server-pages.js";
import { ROOT } from "../../support/supervisor.js";

const EXAMPLES = `${ROOT}docs/examples/servers`;
const page = readFileSync(`${ROOT}docs/servers.md`, "utf8");

test("the page is as make servers writes it", () => {
  expect(withServers(page)).toBe(page);
  for (const name of Object.keys(SERVERS)) expect(page).toContain(`](#${name}) |`);
});

test("the examples are the units that are printed, and the files that the table names", () => {
  const there = readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" }).filter(path =>
    statSync(`${EXAMPLES}/${path}`).isFile(),
  );
  const units = exampleUnits();
  const named = Object.entries<Server>(SERVERS).flatMap(([name, { files }]) => files.map(file => `${name}/${file}`));
  expect(there.sort()).toEqual([...units.keys(), ...named].sort());
  for (const [path, text] of units) expect(readFileSync(`${EXAMPLES}/${path}`, "utf8")).toBe(text);
});
