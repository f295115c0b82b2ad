// test/run with tests that fail: the run ends, whatever they leave.

import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { killCommands, type Result, TestCommand } from "../../support/command.js";
import { isAlive } from "../../support/processes.js";
import { ROOT, temporaryDirectory } from "../../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  await killCommands();
  directory.remove();
});

/** Runs a file of tests by test/run. */
function run(tests: string, env: NodeJS.ProcessEnv = {}): Promise<Result> {
  writeFileSync(`${directory.path}/package.json`, '{ "type": "module" }');
  writeFileSync(`${directory.path}/broken.test.js`, tests);
  return new TestCommand(`${ROOT}test/run`, ["--roots", directory.path], {
    env: { ...process.env, LIMIT: "20s", ...env },
  }).ended;
}

test("a red test ends the run with a status, though it leaves a load and a process that would go on for ever", async () => {
  const { status, stderr } = await run(`
    import { spawn } from "node:child_process";
    import { readFileSync, writeFileSync } from "node:fs";
    test("fails", () => {
      setInterval(() => {}, 10);
      const stdio = process.getuid() === 0 ? "inherit" : "ignore";
      const { pid } = spawn("sh", ["-c", "trap '' TERM HUP INT; while :; do sleep 1; done"], { stdio });
      writeFileSync("${directory.path}/pid", String(pid));
      expect(1).toBe(2);
    });`);
  expect(stderr).toMatch(/^0 passed, 1 failed, 0 skipped$/m);
  expect(status).toBe(1);
  // The sandbox, for which one must be root, leaves no process.
  if (process.getuid!() === 0) expect(isAlive(Number(readFileSync(`${directory.path}/pid`)))).toBe(false);
});

test("a test that blocks all else ends with the run's limit", async () => {
  const { status } = await run('test("hangs", () => { for (;;); });', { LIMIT: "3s" });
  expect(status).toBe(124);
});
