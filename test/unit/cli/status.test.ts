// zerodown status of a real supervisor: what it shows is what there is.

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { afterEach, expect, test } from "@jest/globals";
import type { StatusFacts } from "../../../src/cli/status/facts.js";
import { killCommands, zerodown } from "../../support/command.js";
import { PYTHON } from "../../support/native.js";
import { APPS, EXAMPLE_APP, killSupervisors, TestSupervisor, temporaryDirectory } from "../../support/supervisor.js";

const cleanUps: (() => void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
  await killCommands();
  await killSupervisors();
});

/** A directory for this test. */
function newDirectory(): string {
  const { path, remove } = temporaryDirectory();
  cleanUps.push(remove);
  return path;
}

async function lines(supervisor: TestSupervisor): Promise<string[]> {
  const { status, stdout, stderr } = await zerodown(["status", "--pid", String(supervisor.pid)]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n");
}

async function facts(supervisor: TestSupervisor): Promise<StatusFacts> {
  const { status, stdout, stderr } = await zerodown(["status", "--json", "--pid", String(supervisor.pid)]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** The lines below the first table's title. */
function rows(all: readonly string[]): string[] {
  const below = all.slice(all.findIndex(line => line.startsWith("GEN")) + 1);
  return below.slice(0, below.indexOf(""));
}

/** A connection to the example app that has had an answer, and is kept. */
async function connect(socket: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket, headers: { Connection: "keep-alive" } }, response => {
      const connection = response.socket;
      // An app that drains waits for it.
      cleanUps.push(() => connection.destroy());
      response.on("data", () => {});
      response.on("end", () => resolve(() => connection.destroy()));
    });
    asked.on("error", reject);
    asked.end();
  });
}

test("through a reload, a drain and a failed reload it shows each generation's state, and how those gone ended", async () => {
  const directory = newDirectory();
  copyFileSync(EXAMPLE_APP, `${directory}/app.mjs`);
  const socket = `${directory}/web.sock`;
  const supervisor = new TestSupervisor(
    ["--listen", `web=${socket}`, "--working-directory", directory, "--", "node", "app.mjs"],
    { env: { IDLE_GRACE: "100000" } },
  );
  const first = await supervisor.serving(1);
  let all = await lines(supervisor);
  expect(all[0]).toMatch(
    new RegExp(`^zerodown [\\d.]+ \\(pid ${supervisor.pid}\\): Generation 1 \\(pid ${first}\\) serving: greeting$`),
  );
  expect(all).toContain(` 3  web   stream ${socket}`);
  expect(rows(all)).toEqual([expect.stringMatching(new RegExp(`^ +1 +serving +${first} .* greeting$`))]);

  const disconnect = await connect(socket);
  await supervisor.reload();
  const second = await supervisor.serving(2);
  expect(rows(await lines(supervisor))).toEqual([
    expect.stringMatching(new RegExp(`^ +2 +serving +${second} .* greeting$`)),
    expect.stringMatching(new RegExp(`^ +1 +draining +${first} .* greeting$`)),
  ]);

  disconnect();
  await supervisor.log.next(/generation 1 .* drained/);
  writeFileSync(`${directory}/app.mjs`, "process.exit(3)");
  await supervisor.reload();
  all = await lines(supervisor);
  expect(all[0]).toMatch(/: Reload failed: generation 3 exited with status 3 .* still serving$/);
  expect(rows(all)).toEqual([
    expect.stringMatching(/^ +3 +ended +\d+ +\S+ ago, after \S+: exited with status 3 before it was ready$/),
    expect.stringMatching(new RegExp(`^ +2 +serving +${second} `)),
    expect.stringMatching(
      new RegExp(`^ +1 +ended +${first} +.* ago, after .*: exited with status 0; its last status: greeting$`),
    ),
  ]);
});

test("a candidate that isn't ready yet is shown as starting", async () => {
  const supervisor = new TestSupervisor(["--ready", "fd", "--", "sleep", "infinity"]);
  await supervisor.log.next(/generation 1 .* started/);
  expect((await facts(supervisor)).generations).toEqual([expect.objectContaining({ number: 1, state: "starting" })]);
});

interface Usage {
  pids: number[];
  memory: number;
  cpu: number;
}

/** Returns what ps, and /proc, say of a process group. */
function usage(group: number): Usage {
  const table = execFileSync("ps", ["-e", "-o", "pid=,pgid=,rss="], { encoding: "utf8" });
  const members = table.split("\n").map(line => line.trim().split(/ +/).map(Number));
  const ours = members.filter(([, pgid]) => pgid === group);
  // utime, stime, and those of collected children
  const ticks = ours.flatMap(([pid]) => readFileSync(`/proc/${pid}/stat`, "utf8").split(" ").slice(13, 17).map(Number));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    pids: ours.map(([pid]) => pid!).sort(),
    memory: sum(ours.map(([, , kilobytes]) => kilobytes!)) * 1024,
    cpu: sum(ticks) * 1e4,
  };
}

test("--json tells of a generation's processes what /proc does, and which sockets are its own", async () => {
  const socket = `${newDirectory()}/web.sock`;
  const supervisor = new TestSupervisor(["--listen", socket, "--ready", "fd", "--", PYTHON, `${APPS}family.py`]);
  const pid = await supervisor.serving(1);
  const before = usage(pid);
  const { supervisor: head, now, sockets, unit, generations } = await facts(supervisor);
  const after = usage(pid);

  expect(unit).toBeNull();
  expect(head).toEqual({
    pid: supervisor.pid,
    version: expect.any(String),
    status: `Generation 1 (pid ${pid}) serving`,
  });
  expect(sockets).toEqual([{ fd: 3, name: "unknown", address: `stream ${socket}`, stored: false }]);
  const [generation] = generations;
  expect(generations).toHaveLength(1);
  expect(generation).toMatchObject({ number: 1, state: "serving", pid, status: "", endedAt: null, end: null });
  expect(generation!.startedAt).toBeLessThan(now!);
  expect([...generation!.processes!].sort()).toEqual(before.pids);
  expect(before.pids).toHaveLength(2);
  // The kernel counts pages in batches.
  expect(Math.abs(generation!.memory! - before.memory)).toBeLessThan(before.memory / 20);
  expect(generation!.cpu).toBeGreaterThanOrEqual(before.cpu);
  expect(generation!.cpu).toBeLessThanOrEqual(after.cpu);
  // CPU time that its collected child burned counts, too.
  expect(generation!.cpu).toBeGreaterThan(450_000);
  // There are a socket that listens, and a pair; the child has all of them open as well.
  expect(generation!.openSockets).toBe(3);
});

test("the sockets that it counts are the connections that a server has", async () => {
  const socket = `${newDirectory()}/web.sock`;
  const supervisor = new TestSupervisor(["--listen", socket, "--", "node", EXAMPLE_APP]);
  await supervisor.serving(1);
  const openSockets = async () => (await facts(supervisor)).generations[0]!.openSockets!;
  const before = await openSockets();
  await Promise.all([connect(socket), connect(socket), connect(socket)]);
  expect(await openSockets()).toBe(before + 3);
});
