// zerodown as the init of a container: every process whose parent ended becomes its child.

import { readdirSync, readFileSync } from "node:fs";
import { afterAll, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { temporaryDirectory, ZERODOWN } from "../support/supervisor.js";
import { TestProcess } from "../support/test-process.js";

const directory = temporaryDirectory();
afterAll(directory.remove);

/** Leaves a process behind at each newline: its parent ends first. */
const APP = `
import os, sys, time
print("ready", flush=True)
for _ in range(20):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.05)
        os._exit(0)
    os.wait()
print("left 20 behind", flush=True)
time.sleep(1000)`;

/** Pids and states of a process's children. */
function childrenOf(pid: number): string[] {
  const all = readdirSync("/proc").filter(name => /^\d+$/.test(name));
  return all.flatMap(name => {
    try {
      const [, state, parent] = /\) (\w) (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8"))!;
      return Number(parent) === pid ? [`${name} ${state}`] : [];
    } catch {
      return [];
    }
  });
}

test("orphans that end are waited for, and the end of its own child is still told", async () => {
  const unshare = ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child"];
  const command = [
    ZERODOWN,
    "run",
    "--ready",
    "exec",
    "--on-crash",
    "exit",
    "--",
    "/usr/bin/python3",
    "-IS",
    "-c",
    APP,
  ];
  const container = new TestProcess("unshare", [...unshare, ...command], {
    env: { RUNTIME_DIRECTORY: directory.path },
  });
  await container.output.next(/^left 20 behind/);
  const [supervisor] = childrenOf(container.pid).map(child => Number(child.split(" ")[0]));
  await eventually(() => expect(childrenOf(supervisor!)).toHaveLength(1));
  const [app] = childrenOf(supervisor!).map(child => Number(child.split(" ")[0]));
  process.kill(app!, "SIGTERM");
  await container.errors.next(/generation 1 .* was killed by SIGTERM.*Giving up/);
  expect((await container.ended).status).toBe(128 + 15);
});
