// The scripts that complete commands and options, in the real shells.

import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "@jest/globals";
import { COMMANDS } from "../../../src/cli/commands.js";
import { COMPLETE_TABLES } from "../../../src/cli/tables.js";
import { temporaryDirectory, ZERODOWN } from "../../support/supervisor.js";

const directory = temporaryDirectory();
afterAll(() => directory.remove());

function script(shell: string): string {
  const path = `${directory.path}/zerodown.${shell}`;
  writeFileSync(path, execFileSync(ZERODOWN, ["completion", shell]));
  return path;
}

const bash = script("bash");
const fish = script("fish");
const zsh = script("zsh");

/** What bash offers for the last word. */
function inBash(...words: string[]): string[] {
  const program = `source "$0"; COMP_LINE=$1; COMP_POINT=\${#COMP_LINE}; _zerodown; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const line = ["zerodown", ...words].join(" ");
  const env = { ...process.env, PATH: `${directory.path}:${process.env.PATH}` };
  const { stdout, stderr } = spawnSync("bash", ["-c", program, bash, line], { encoding: "utf8", env });
  // compopt may be called only while bash itself completes.
  expect(stderr.replace(/^.*compopt: not currently executing completion function\n/gm, "")).toBe("");
  return stdout.split("\n").filter(line => line !== "");
}

function inFish(line: string): string[] {
  const program = `source ${fish}; complete -C '${line}'`;
  const output = execFileSync("fish", ["--no-config", "-c", program], { encoding: "utf8" });
  return output
    .split("\n")
    .filter(line => line !== "")
    .map(line => line.split("\t")[0]!);
}

describe("the commands", () => {
  const names = Object.keys(COMMANDS);
  test("in bash", () => expect(inBash("")).toEqual([...names, "--help", "--version"]));
  test("in fish", () => expect(inFish("zerodown ").sort()).toEqual(names.toSorted()));
  test("have a table each", () => expect(COMPLETE_TABLES.map(({ name }) => name)).toEqual(names));
});

test.each(COMPLETE_TABLES.map(table => [table.name, table] as const))("all options of %s", (name, { options }) => {
  const all = Object.keys(options).map(option => `--${option}`);
  expect(inBash(name, "--")).toEqual(all);
  expect(
    inFish(`zerodown ${name} --`)
      .filter(word => word.startsWith("--"))
      .sort(),
  ).toEqual(expect.arrayContaining(all.toSorted()));
});

test.each([
  [
    ["run", "--on-crash", ""],
    ["restart", "exit"],
  ],
  [["run", "--on-crash=e"], ["exit"]],
  [["run", "--ready", "de"], ["delay:"]],
  [
    ["run", "--stop-signal", "SIGT"],
    ["SIGTRAP", "SIGTERM", "SIGTSTP", "SIGTTIN", "SIGTTOU"],
  ],
  [["run", "--start-timeout", ""], []],
  [
    ["completion", ""],
    ["bash", "zsh", "fish"],
  ],
  [["run", "--env-file", "/etc/hostn"], ["/etc/hostname"]],
])("values, in bash: %j", (words, offered) => expect(inBash(...words)).toEqual(offered));

test("units whose names bash would take apart, or read for an escape", () => {
  writeFileSync(
    `${directory.path}/zerodown`,
    `#!/bin/sh\nprintf '%s\\n' app@one.service 'odd\\x2dname.service' a:8080.service\n`,
    { mode: 0o755 },
  );
  expect(inBash("status", "")).toEqual(["app@one.service", "odd\\\\x2dname.service", "a:8080.service"]);
  // What is before the last of these characters stands there already.
  expect(inBash("status", "app@o")).toEqual(["one.service"]);
  expect(inBash("status", "a:")).toEqual(["8080.service"]);
});

test("zsh takes its script, which has every option", () => {
  expect(spawnSync("zsh", ["-n", zsh], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  const text = execFileSync("cat", [zsh], { encoding: "utf8" });
  const missing = COMPLETE_TABLES.flatMap(({ options }) => Object.keys(options)).filter(
    option => !new RegExp(`--${option}=?\\[`).test(text),
  );
  expect(missing).toEqual([]);
});

test("of another shell there is none: exit status 64", () => {
  for (const shell of ["", "csh"]) {
    const { status, stderr } = spawnSync(ZERODOWN, ["completion", shell], { encoding: "utf8" });
    expect([status, stderr]).toEqual([64, "zerodown: which shell? One of bash, zsh, fish\n"]);
  }
});
