// The man pages, read by both of the programs that show them.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { ROOT } from "../support/supervisor.js";

const { man } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { man: string[] };

test.each(man)("%s has nothing that mandoc or man warns of", page => {
  const mandoc = spawnSync("mandoc", ["-Tlint", "-Wwarning", page], { cwd: ROOT, encoding: "utf8" });
  expect([mandoc.status, mandoc.stdout]).toEqual([0, ""]);
  const args = ["--warnings", "--encoding=UTF-8", "--troff-device=utf8", "--local-file", page];
  const shown = spawnSync("man", args, { cwd: ROOT, encoding: "utf8", env: { ...process.env, MANWIDTH: "80" } });
  expect([shown.status, shown.stderr]).toEqual([0, ""]);
});
