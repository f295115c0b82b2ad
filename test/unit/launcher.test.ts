// The first lines of the command are shell: the app must not notice.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { ZERODOWN } from "../support/supervisor.js";

/** What a child finds in its environment, when `sh` is the shell on this machine. */
function childsEnvironment(sh: string, env: Record<string, string>): Record<string, string> {
  const [, interpreter, argument] = /^#!(\S+) (.*)\n/.exec(readFileSync(ZERODOWN, "utf8"))!;
  // As the kernel reads that line: one argument, whatever blanks it holds.
  const args = [argument!.replace(/\/bin\/sh$/, sh), ZERODOWN, "run", "--ready", "exec", "--", "env", "--null"];
  const output = execFileSync(interpreter!, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const pairs = output.split("\0").slice(0, -1);
  return Object.fromEntries(pairs.map(pair => /^([^=]*)=(.*)$/s.exec(pair)!.slice(1)));
}

test.each(["/bin/sh", "/bin/bash"])("no variable of the shell's own reaches the child (%s)", sh => {
  const PATH = process.env.PATH!;
  const OURS = {
    NOTIFY_SOCKET: expect.any(String),
    ZERODOWN_GENERATION: "1",
    ZERODOWN_SUPERVISOR_PID: expect.any(String),
  };
  for (const given of [
    { PATH },
    { PATH, PWD: "/no where", OLDPWD: "/else where", SHLVL: "7", _: "what $it was" },
    { PATH, NODE_OPTIONS: "--require=/nonexistent 'two words'", NODE_EXTRA_CA_CERTS: "/nonexistent" },
    { PATH, NODE_OPTIONS: "" },
  ]) {
    expect(childsEnvironment(sh, given)).toEqual({ ...given, ...OURS });
  }
});
