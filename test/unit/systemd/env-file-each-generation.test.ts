// --env-file is the app's alone: Node has an option of that name, and looks for it among ours too.

import { rmSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import { killSupervisors, TestSupervisor, temporaryDirectory } from "../../support/supervisor.js";

const directory = temporaryDirectory();
afterEach(killSupervisors);
afterAll(() => directory.remove());

test("what was taken out of the file is gone with the next generation", async () => {
  const file = `${directory.path}/env`;
  writeFileSync(file, "FIRST=1\nSECOND=2\n");
  const app = 'echo "$ZERODOWN_GENERATION: [$FIRST] [$SECOND]"; exec sleep 1000';
  const supervisor = new TestSupervisor(["--ready", "exec", "--env-file", file, "--", "/bin/sh", "-c", app]);
  expect(await supervisor.output.next(/^1: /)).toBe("1: [1] [2]");
  writeFileSync(file, "SECOND=3\n");
  supervisor.signal("SIGHUP");
  expect(await supervisor.output.next(/^2: /)).toBe("2: [] [3]");
});

test("a file that isn't there fails the generation, in our own words", async () => {
  const file = `${directory.path}/none`;
  rmSync(file, { force: true });
  const supervisor = new TestSupervisor(["--ready", "exec", "--env-file", file, "--", "/bin/true"]);
  expect(await supervisor.log.next(/start failed/)).toMatch(/generation 1 could not be started: ENOENT: .*none/);
  expect((await supervisor.ended).status).toBe(69);
});

test("lines that are left out are told in the log, the first five by their number", async () => {
  const file = `${directory.path}/env`;
  writeFileSync(file, `export SECOND=secret\nFIRST=1\n${"no assignment\n".repeat(6)}`);
  const app = 'echo "$ZERODOWN_GENERATION: [$FIRST] [$SECOND]"; exec sleep 1000';
  const supervisor = new TestSupervisor(["--ready", "exec", "--env-file", file, "--", "/bin/sh", "-c", app]);
  expect(await supervisor.output.next(/^1: /)).toBe("1: [1] []");
  expect(await supervisor.log.next(/left out of/)).toBe(
    `zerodown: generation 1: left out of ${file}: line 1: "export SECOND" isn't a variable's name, ` +
      'but "SECOND" without "export" would be; line 3 assigns nothing; line 4 assigns nothing; line 5 assigns nothing; ' +
      "line 6 assigns nothing; 2 more lines",
  );
});
