// README and the pages for operators say what is so, as far as their text alone can show it: documentation.test.ts of the
// system tests runs their commands.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { TABLES } from "../../../src/cli/tables.js";
import { blocksOf, blockWith } from "../../support/doc-blocks.js";
import { ROOT } from "../../support/supervisor.js";

const OPERATORS = [
  "README.md",
  "docs/upgrading.md",
  "docs/deploying-without-root.md",
  "docs/fleet.md",
  "docs/removing.md",
];
const PAGES = [
  "README.md",
  ...readdirSync(`${ROOT}docs`).flatMap(name => (name.endsWith(".md") ? `docs/${name}` : [])),
];

const read = (page: string) => readFileSync(`${ROOT}${page}`, "utf8");

test.each(OPERATORS)("%s has no line over 100 columns", page => {
  const long = read(page)
    .split("\n")
    .filter(line => line.length > 100);
  expect(long).toEqual([]);
});

/** Headings as GitHub links to them. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

test.each(PAGES)("the links of %s lead somewhere", page => {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  const dead = links.filter(link => {
    if (link.includes("://")) return false;
    const [path, anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path!);
    return !existsSync(`${ROOT}${target}`) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
  });
  expect(dead).toEqual([]);
});

test.each(OPERATORS)("the commands of %s have the options that it gives them", page => {
  const options = new Map(TABLES.map(({ name, options }) => [name, Object.keys(options)]));
  const calls = blocksOf(page, "sh")
    .flatMap(block => block.split("\n"))
    .flatMap(line => /^(?:sudo )?zerodown (.*)/.exec(line)?.slice(1) ?? []);
  expect(calls.length).toBeGreaterThan(0);
  for (const call of calls) {
    const [command, ...args] = call.split(" -- ")[0]!.split(" ");
    const given = args.flatMap(arg => (arg.startsWith("--") ? arg.slice(2) : []));
    expect([call, given.filter(name => !options.get(command!)?.includes(name))]).toEqual([call, []]);
  }
});

test.each(["README.md", "docs/upgrading.md"])("%s installs packages that there are, of this version", page => {
  const { name, version } = JSON.parse(read("package.json")) as { name: string; version: string };
  const packages = [...read("src/packaging/debian/control").matchAll(/^Package: (.*)$/gm)].map(([, name]) => name!);
  const install = blockWith(page, "sh", "npm install");
  expect([...install.matchAll(/^apt install (\S+)/gm)].map(([, file]) => file)).toEqual(
    packages.map(debian => `./${debian}_${version}_amd64.deb`),
  );
  expect(install).toMatch(new RegExp(`^npm install --global ${name}\\b`));
});

test("README names targets of make that there are", () => {
  const makefiles = read("Makefile") + read("src/packaging/packages.mk");
  const targets = [...read("README.md").matchAll(/(?:^|`)make ([\w-]+)/gm)].map(([, target]) => target!);
  expect(targets).toEqual(expect.arrayContaining(["demo", "test", "bench", "packages"]));
  expect(targets.filter(target => !new RegExp(`^${target}:`, "m").test(makefiles))).toEqual([]);
});

/** README's name of each row, and the benchmark's: with a drain, and for peers also without. */
const ROWS = [
  ["Zerodown, any app", "Zerodown, docs/examples/app.mjs"],
  ["Zerodown, a Node app on its library", "Zerodown, the library's serve()"],
  ["pm2 reload", "pm2 reload, our example's drain", "pm2 reload, server.close()"],
  ["Server::Starter", "Server::Starter, our example's drain", "Server::Starter, server.close()"],
  [
    "`systemctl restart`, `.socket` unit",
    ".socket + systemctl restart, our example's drain",
    ".socket + systemctl restart, server.close()",
  ],
] as const;

test("README's five rows are those of docs/benchmark.md", () => {
  const tables = blocksOf("docs/benchmark.md", "")
    .join("\n")
    .split("\n\n")
    .map(table => table.split("\n"));
  /** Returns the values in a candidate's row of the table that begins with this. */
  const row = (table: string, candidate: string) => {
    const rows = tables.find(([head]) => head!.trim().startsWith(table))!;
    return rows
      .find(line => line.startsWith(candidate))
      ?.slice(candidate.length)
      .trim()
      .split(/ {2,}/);
  };
  const lost = (candidate: string) =>
    row("requests ", candidate)!
      .slice(1, 3)
      .map(Number)
      .reduce((a, b) => a + b);
  const expected = ROWS.map(([name, drains, closes]) => {
    const kilobytes = Number.parseInt(row("the supervisor", drains)?.[0] ?? "", 10);
    return [
      name,
      closes ? String(lost(closes)) : "",
      String(lost(drains)),
      `${row("requests in reloads", drains)![1]} ms`,
      Number.isNaN(kilobytes) ? "" : `${(kilobytes / 1000).toFixed(1)} MB`,
    ];
  });
  const shown = [...read("README.md").matchAll(/^\| (\S.*) \|$/gm)].map(([, cells]) =>
    cells!.split("|").map(cell => cell.trim()),
  );
  expect(shown.slice(-ROWS.length)).toEqual(expected);
});
