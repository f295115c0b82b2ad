import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "@jest/globals";
import { readUse } from "../../src/cli/processes.js";

let child: ChildProcess;
afterEach(async () => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
});

/** A child that leads a process group; its name is one to stumble over. */
async function startLeader(): Promise<number> {
  const program = "echo -n ') S 1 1 (' > /proc/self/comm; echo ready; read line";
  child = spawn("bash", ["-c", program], { detached: true, stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout!, "data");
  return child.pid!;
}

test("the processes of a group are found by its leader, whatever that is called", async () => {
  const leader = await startLeader();
  expect(readUse(process.pid, [leader, 999_999_999]).get(leader)?.processes).toEqual([leader]);
  expect([...readUse(process.pid, [leader, 999_999_999]).keys()]).toEqual([leader]);
});

test("a process that isn't that supervisor's child is somebody else's, from another pid namespace say", async () => {
  const leader = await startLeader();
  expect(readUse(1, [leader]).size).toBe(0);
});
