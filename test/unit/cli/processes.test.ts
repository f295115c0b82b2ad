import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "@jest/globals";
import { readUse } from "../../../src/cli/status/processes.js";

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

const whose = (pid: number) => ({ pid, cgroup: undefined });

test("the processes of a group are found by its leader, whatever that is called", async () => {
  const leader = await startLeader();
  expect(readUse(process.pid, [whose(leader), whose(999_999_999)]).get(leader)?.processes).toEqual([leader]);
  expect([...readUse(process.pid, [whose(leader), whose(999_999_999)]).keys()]).toEqual([leader]);
});

test("where a cgroup can't be seen, its group is taken", async () => {
  const leader = await startLeader();
  const use = readUse(process.pid, [{ pid: leader, cgroup: "/no/such/cgroup" }]).get(leader);
  expect(use).toMatchObject({ processes: [leader], tasks: 1 });
});

test("a process that isn't that supervisor's child is somebody else's, from another pid namespace say", async () => {
  const leader = await startLeader();
  expect(readUse(1, [whose(leader)]).size).toBe(0);
});
