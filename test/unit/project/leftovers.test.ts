// The tests count what this process holds. It runs many files of tests, and what an earlier one left may end at any
// time.

import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { leftovers } from "../../support/native.js";

test("what an earlier test opened may close, and its children may end, without changing what is counted here", async () => {
  const earlier = { fd: openSync("/dev/null", "r"), child: spawn("sleep", ["infinity"], { stdio: "ignore" }) };
  const left = leftovers();
  const fd = openSync("/dev/zero", "r");
  const child = spawn("sleep", ["infinity"], { stdio: "ignore" });
  const ends = (ended: typeof child) =>
    new Promise(resolve => {
      ended.on("exit", resolve);
      ended.kill();
    });

  closeSync(earlier.fd);
  await ends(earlier.child);
  expect(left()).toEqual({ fds: [`${fd} /dev/zero`], children: [child.pid] });
  closeSync(fd);
  await ends(child);
  expect(left()).toEqual({ fds: [], children: [] });
});
