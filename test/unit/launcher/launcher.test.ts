// The shell script that starts Node for the command.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "@jest/globals";
import { ROOT, temporaryDirectory } from "../../support/supervisor.js";

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
  const known = "--expose-gc --max-semi-space-size=1 --single-threaded --v8-pool-size=1 --jitless";
  expect(options(true)).toBe(`${known} --no-expose-wasm -- ${ROOT}dist/zerodown.cjs a b\n`);
  expect(options(false)).toBe(`${known} -- ${ROOT}dist/zerodown.cjs a b\n`);
});

/** npm and nvm install it so: PREFIX/bin/node, and PREFIX/bin/zerodown, a link into PREFIX/lib/node_modules. */
function prefix(name: string): string {
  const path = `${directory.path}/${name}`;
  mkdirSync(`${path}/bin`, { recursive: true });
  mkdirSync(`${path}/lib/node_modules`, { recursive: true });
  symlinkSync(ROOT, `${path}/lib/node_modules/zerodown`);
  symlinkSync("../lib/node_modules/zerodown/dist/zerodown.cjs", `${path}/bin/zerodown`);
  return path;
}

function install(path: string, what: string): void {
  writeFileSync(path, `#!/bin/sh\necho ${what}\n`);
  chmodSync(path, 0o755);
}

describe("the Node that it starts", () => {
  const run = (command: string, PATH: string) =>
    execFileSync(command, ["--version"], { env: { PATH }, encoding: "utf8", stdio: "pipe" }).trim();

  test("is the one beside the command, before that of $PATH", () => {
    const { bin, path } = { bin: prefix("beside"), path: `${directory.path}/other` };
    install(`${bin}/bin/node`, "beside");
    mkdirSync(path);
    install(`${path}/node`, "path");
    expect(run(`${bin}/bin/zerodown`, `${path}:/usr/bin:/bin`)).toBe("beside");
  });

  test("isn't a directory of that name", () => {
    const { bin, path } = { bin: prefix("directory"), path: `${directory.path}/third` };
    mkdirSync(`${bin}/bin/node`);
    mkdirSync(path);
    install(`${path}/node`, "path");
    expect(run(`${bin}/bin/zerodown`, `${path}:/usr/bin:/bin`)).toBe("path");
  });
});
