// What the command imports before it starts the app costs each start time, and the supervisor memory for as long as it lives.

import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";

test("the command imports few of Node's modules before it knows that it needs them", () => {
  const text = readFileSync("dist/zerodown.cjs", "utf8");
  const imported = [...text.matchAll(/\brequire\("(?:node:)?([a-z_/]+)"\)/g)].map(([, name]) => name);
  expect([...new Set(imported)].sort()).toEqual(["fs", "module", "net", "os", "path", "util"]);
});
