// docs/ARCHITECTURE.md says which room of src may use which: imports point one way.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "@jest/globals";
import { ROOT } from "../../support/supervisor.js";

/** Each room may use those before it. */
const ROOMS = [
  "native",
  "linux",
  "launcher",
  "systemd",
  "machine",
  "supervisor",
  "control",
  "library",
  "cli",
  "packaging",
];
/** What the state machine may use besides itself: pure functions, and numbers (those of signals from node:os, too). */
const PURE = ["systemd/formats/", "linux/exit-codes.ts"];
const isPure = (file: string) => PURE.some(start => file.startsWith(start));

interface Import {
  readonly from: string;
  readonly to: string;
  /** Only types, of which nothing is left when it runs. */
  readonly isType: boolean;
}

const files = readdirSync(`${ROOT}src`, { recursive: true, encoding: "utf8" }).filter(file => file.endsWith(".ts"));
const imports: Import[] = files.flatMap(from =>
  [
    ...readFileSync(`${ROOT}src/${from}`, "utf8").matchAll(
      /^(?:import|export)( type)?\b[^;]*?"(\.[^"]+)\.js"|\bimport\("(\.[^"]+)\.js"\)/gm,
    ),
  ].map(([, type, fixed, loaded]) => ({
    from,
    to: `${normalize(join(dirname(from), (fixed ?? loaded)!))}.ts`,
    isType: type !== undefined,
  })),
);

const room = (file: string) => file.split("/")[0]!;
const show = ({ from, to }: Import) => `${from} uses ${to}`;

test("every file is in a room, and the page names every room", () => {
  const page = readFileSync(`${ROOT}docs/ARCHITECTURE.md`, "utf8");
  expect(files.filter(file => !ROOMS.includes(room(file)))).toEqual([]);
  expect(ROOMS.filter(name => !page.includes(`src/${name}`))).toEqual([]);
  expect(imports.length).toBeGreaterThan(200);
});

test("a room uses only rooms before it", () => {
  const wrong = imports.filter(({ from, to }) => ROOMS.indexOf(room(to)) > ROOMS.indexOf(room(from)));
  expect(wrong.map(show)).toEqual([]);
});

test("the state machine uses pure functions alone", () => {
  const wrong = imports.filter(({ from, to }) => room(from) === "machine" && room(to) !== "machine" && !isPure(to));
  expect(wrong.map(show)).toEqual([]);
  const pure = files.filter(file => room(file) === "machine" || isPure(file));
  const outside = pure.filter(file =>
    /"node:(?!os")|\bprocess\.(env|argv|on|exit|hrtime)\b|globalThis|setTimeout/.test(
      readFileSync(`${ROOT}src/${file}`, "utf8"),
    ),
  );
  expect(outside).toEqual([]);
});

test("no file uses itself over others", () => {
  const reach = (file: string, seen = new Set<string>()): Set<string> => {
    for (const { from, to, isType } of imports) if (from === file && !isType && !seen.has(to)) reach(to, seen.add(to));
    return seen;
  };
  expect(files.filter(file => reach(file).has(file))).toEqual([]);
});

test("no file of src, and of the tests, has more than 350 lines", () => {
  const folders = [
    "src",
    ...["unit", "system", "property", "packages", "support", "soak", "bench"].map(name => `test/${name}`),
  ];
  const all = folders.flatMap(folder =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" }).map(file => `${folder}/${file}`),
  );
  const sources = all.filter(file => file.endsWith(".ts"));
  expect(sources.length).toBeGreaterThan(files.length);
  expect(sources.filter(file => readFileSync(ROOT + file, "utf8").split("\n").length > 351)).toEqual([]);
});
