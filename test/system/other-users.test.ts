// A user may see and do little of another's supervisor. This is a system test because it takes root to be two users.

import { chownSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../src/cli/status/facts.js";
import { expectError, killCommands, zerodown } from "../support/command.js";
import { PYTHON } from "../support/native.js";
import { APPS, killSupervisors, TestSupervisor, temporaryDirectory } from "../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  await killCommands();
  await killSupervisors();
  directory.remove();
});

async function started(options: string[] = []): Promise<TestSupervisor> {
  const supervisor = new TestSupervisor([...options, "--ready", "exec", "--", "sleep", "infinity"]);
  await supervisor.serving(1);
  return supervisor;
}

test("another user's supervisor", async () => {
  const supervisor = await started();
  const nobody = { uid: 65534, gid: 65534 };
  const pid = String(supervisor.pid);
  expectError(await zerodown(["status", "--pid", pid], nobody), 77, /no permission .*another user's/);
  const path = `${directory.path}/control`;
  await started(["--control", path]);
  expectError(await zerodown(["status", "--control", path], nobody), 77, /no permission to use /);
});

test("where the kernel doesn't let it look, it says that it doesn't know", async () => {
  const [uid, gid] = [65534, 65534];
  chownSync(directory.path, uid, gid);
  const options = { uid, gid, env: { ...process.env, XDG_RUNTIME_DIR: directory.path } };
  const command = ["--ready", "fd", "--", PYTHON, `${APPS}family.py`, "private"];
  const supervisor = new TestSupervisor(["--listen", `${directory.path}/web.sock`, ...command], options);
  await supervisor.serving(1);
  const result = await zerodown(["status", "--json", "--pid", String(supervisor.pid)], options);
  const [generation] = (JSON.parse(result.stdout) as StatusFacts).generations;
  expect(generation).toMatchObject({ processes: [expect.any(Number), expect.any(Number)], openSockets: null });
});
