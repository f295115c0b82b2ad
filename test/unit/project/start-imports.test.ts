// What the command imports before it starts the app costs each start time, and the supervisor memory for as long as it lives.

import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";

const text = readFileSync("dist/zerodown.cjs", "latin1");

test("the command imports few of Node's modules before it knows that it needs them", () => {
  const imported = [...text.matchAll(/\brequire\("(?:node:)?([a-z_/]+)"\)/g)].map(([, name]) => name);
  expect([...new Set(imported)].sort()).toEqual(["fs", "module", "os", "path", "util"]);
});

test("the command's text is ASCII, or V8 would keep it with two bytes for each character", () => {
  expect(text.match(/^.*[^\x00-\x7f].*$/m)).toBeNull();
});
