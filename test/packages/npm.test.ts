// The package for npm, as a machine without compiler and network gets it.

import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, expect, test } from "@jest/globals";
import { ROOT } from "../support/supervisor.js";

const PACKAGES = `${ROOT}build/packages`;
const [tarball] = readdirSync(PACKAGES).filter(file => file.endsWith(".tgz"));
const directory = mkdtempSync(`${tmpdir()}/zerodown-npm-`);
afterAll(() => rmSync(directory, { recursive: true }));

test("is installed without a network in seconds, runs, and has its man pages", () => {
  const args = ["--net", "npm", "install", "--global", "--no-audit", "--no-fund", "--cache", `${directory}/cache`];
  execFileSync("unshare", [...args, "--prefix", directory, `${PACKAGES}/${tarball}`], { timeout: 25_000 });
  const run = (...command: [string, ...string[]]) => execFileSync(command[0], command.slice(1)).toString();
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { version: string };
  expect(run(`${directory}/bin/zerodown`, "--version")).toBe(`zerodown ${version}\n`);
  const installed = `${directory}/lib/node_modules/zerodown`;
  expect(readdirSync(`${installed}/dist`).filter(file => /(?:arm64|x64)/.test(file))).toEqual([
    "zerodown-arm64.node",
    "zerodown-reload-arm64",
    "zerodown-reload-x64",
    "zerodown-x64.node",
  ]);
  accessSync(`${installed}/dist/zerodown-reload-${process.arch}`, constants.X_OK);
  const program = `import { listenFds } from "${installed}/dist/index.js"; console.log(listenFds());`;
  expect(run("node", "--input-type=module", "--eval", program)).toBe("[]\n");
  expect(readdirSync(`${directory}/share/man`)).toEqual(["man1", "man5", "man7"]);
});

test("packed again it has the same bytes", () => {
  const args = ["pack", "--silent", "--pack-destination", directory, `${ROOT}build/packaging/npm`];
  execFileSync("npm", args);
  expect(readFileSync(`${directory}/${tarball}`).equals(readFileSync(`${PACKAGES}/${tarball}`))).toBe(true);
});

/** Runs a program of npm's on the package, without installing it here. */
function checkWith(program: string, ...command: string[]) {
  const args = ["exec", "--yes", `--package=${program}`, "--", ...command, `${PACKAGES}/${tarball}`];
  // Where CI is set some write colours to a pipe, too.
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync("npm", args, { encoding: "utf8", env });
  return { status, output: stdout + stderr };
}

test("publint knows nothing against it but the shell in front of the command", () => {
  const { output } = checkWith("publint@0.3.25", "publint", "--strict");
  // It takes only a line that names Node for a shebang; ours is #!/bin/sh (see docs/decisions/spawn.md).
  expect(output.match(/^\d+\. .*/gm)).toEqual([expect.stringContaining("pkg.bin.zerodown is dist/zerodown.cjs")]);
}, 180_000);

test("the types resolve for whoever imports it", () => {
  const { status, output } = checkWith("@arethetypeswrong/cli@0.18.5", "attw", "--profile", "esm-only");
  expect([status, status === 0 ? "" : output]).toEqual([0, ""]);
}, 180_000);
