// No source file asks for the wall clock, which may be stepped at any time.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { ROOT } from "../../support/supervisor.js";

const WALL_CLOCK = /\bDate\b|timeOrigin|CLOCK_REALTIME|gettimeofday|\btime\((NULL|0)\)/;

test("nothing in src/ depends on the wall clock", () => {
  const files = readdirSync(`${ROOT}src`, { recursive: true, encoding: "utf8" })
    .filter(file => /\.(ts|c|h|sh)$/.test(file) && !file.includes("/build/"))
    .map(file => `${ROOT}src/${file}`);
  expect(files.length).toBeGreaterThan(80);
  expect(files.filter(file => WALL_CLOCK.test(readFileSync(file, "utf8")))).toEqual([]);
});
