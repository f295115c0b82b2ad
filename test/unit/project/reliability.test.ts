// docs/reliability.md: each row names tests that there are, or says that there is none.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { ROOT } from "../../support/supervisor.js";

const UNSHOWN = /^No test( of its own)?[:.]/;

/** The cells of each row of its tables, without their heads. */
const rows = readFileSync(`${ROOT}docs/reliability.md`, "utf8")
  .split("\n## Under load for long")[0]!
  .split("\n")
  .filter(line => line.startsWith("|") && !/^\|(-+\||.*\| Shown by \|$)/.test(line))
  .map(line =>
    line
      .slice(1, -1)
      .split(" | ")
      .map(cell => cell.trim()),
  );

/** Returns the tests that a cell names: file and name of each. */
function references(cell: string): { file: string; name: string }[] {
  return cell.split("; `").flatMap(part => {
    const [, file] = /^`?([\w-]+\.test\.ts)`: /.exec(part) ?? [];
    const names = [...part.matchAll(/“([^”]+)”/g)].map(([, name]) => name!);
    return file === undefined ? [] : names.map(name => ({ file, name }));
  });
}

const TESTS = ["system", "unit", "property"].flatMap(folder =>
  readdirSync(`${ROOT}test/${folder}`, { recursive: true, encoding: "utf8" }).map(path => `${folder}/${path}`),
);

function sourceOf(file: string): string {
  const path = TESTS.find(path => path.endsWith(`/${file}`));
  return path === undefined ? "" : readFileSync(`${ROOT}test/${path}`, "utf8");
}

test("there is a row for every fault, of three cells", () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(rows.filter(cells => cells.length !== 3 || cells.includes(""))).toEqual([]);
});

test("each row is shown by a test, or says that it is not, and why", () => {
  const bare = rows.filter(([, , shown]) => references(shown!).length === 0 && !UNSHOWN.test(shown!));
  expect(bare).toEqual([]);
});

test("what shows it is there, by that name", () => {
  const all = rows.flatMap(([, , shown]) => references(shown!));
  expect(all.length).toBeGreaterThan(70);
  const isThere = ({ file, name }: { file: string; name: string }) =>
    ['"', "'", "`"].some(quote => sourceOf(file).includes(quote + name + quote));
  expect(all.filter(reference => !isThere(reference))).toEqual([]);
});
