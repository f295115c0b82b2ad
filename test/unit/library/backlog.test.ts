// The queue of a shared socket stays as long as it was made, whoever listens on it.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { APPS, EXAMPLE_APP, ROOT } from "../../support/supervisor.js";

const LONGEST = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));

const SERVE = `
import { writeSync } from "node:fs";
import { createServer } from "node:http";
import { serve } from ${JSON.stringify(`${ROOT}dist/index.js`)};
await serve(createServer(), { ready: false });
writeSync(9, "\\n");`;

test.each([
  ["the example", [EXAMPLE_APP]],
  ["serve()", ["--input-type=module", "--eval", SERVE]],
])("under %s", (_, args) => {
  const command = [`${APPS}backlog.py`, String(LONGEST), process.execPath, ...args];
  expect(execFileSync("python3", command, { encoding: "utf8", stdio: "pipe" })).toBe(`${LONGEST}\n`);
});
