// The shell script that starts Node for the command.

import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { afterAll, expect, test } from "@jest/globals";
import { ROOT, temporaryDirectory } from "../support/supervisor.js";

const directory = temporaryDirectory();
afterAll(directory.remove);

/** @returns what a Node is given that knows, or doesn't know, --no-expose-wasm (24 doesn't). */
function options(knows: boolean): string {
  const refuses = 'case " $* " in *" --no-expose-wasm "*) exit 9; esac';
  writeFileSync(`${directory.path}/node`, `#!/bin/sh\n${knows ? "" : refuses}\necho "$@"\n`);
  chmodSync(`${directory.path}/node`, 0o755);
  const env = { ...process.env, PATH: `${directory.path}:${process.env.PATH}` };
  return execFileSync(`${ROOT}dist/zerodown.cjs`, ["a b"], { env, encoding: "utf8" });
}

test("works where SIGPIPE is blocked, too", () => {
  const blocked =
    "import os, sys; from signal import *; signal(SIGPIPE, SIG_DFL); pthread_sigmask(SIG_BLOCK, [SIGPIPE]); os.execv(sys.argv[1], sys.argv[1:])";
  const python = ["-c", blocked, `${ROOT}dist/zerodown.cjs`, "--version"];
  expect(execFileSync("/usr/bin/python3", python, { encoding: "utf8" })).toMatch(/^zerodown \d/);
});

test("gives a Node only the options that it knows", () => {
  expect(options(true)).toBe(
    `--expose-gc --max-semi-space-size=1 --jitless --no-expose-wasm -- ${ROOT}dist/zerodown.cjs a b\n`,
  );
  expect(options(false)).toBe(`--expose-gc --max-semi-space-size=1 --jitless -- ${ROOT}dist/zerodown.cjs a b\n`);
});
