// Several workers in place of an app's own master process, under a real systemd.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { ask, loopback } from "../support/http-load.js";
import { fdKinds, idle } from "../support/processes.js";
import { EXAMPLE_APP } from "../support/supervisor.js";
import { type App, installApp, removeUnits } from "../support/unit.js";
import { type Worker, workersOf, zerodown } from "../support/unit-workers.js";

afterEach(removeUnits);

const EXAMPLE = `node ${EXAMPLE_APP}`;

function install(options: string, app: Partial<App> = {}) {
  const address = loopback();
  const socket = ["ListenStream=", `ListenStream=${address.host}:${address.port}`];
  return { address, unit: installApp({ command: EXAMPLE, options, socket, ...app }) };
}

function variables(pid: number): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter(Boolean);
  return Object.fromEntries(lines.map(line => line.split(/=(.*)/s)));
}

function cgroups(path: string): string[] {
  const entries = readdirSync(`/sys/fs/cgroup${path}`, { withFileTypes: true });
  return entries.filter(entry => entry.isDirectory() && entry.name !== ".control").map(({ name }) => name);
}

describe("with --workers 3", () => {
  test("each has its slot, its notify socket and its cgroup, and systemd is told how many serve", async () => {
    const { unit } = install("--workers 3");
    await unit.start();
    expect(await unit.property("StatusText")).toBe("Generation 1 serving (3 workers)");
    const workers = await workersOf(unit);
    expect(workers.map(({ slot, state }) => `${slot} ${state}`)).toEqual(["0 serving", "1 serving", "2 serving"]);
    const unitCgroup = await unit.property("ControlGroup");
    for (const { slot, pid, cgroup } of workers) {
      expect(variables(pid)).toMatchObject({ ZERODOWN_WORKER: String(slot), ZERODOWN_WORKERS: "3", LISTEN_FDS: "1" });
      expect(cgroup).toBe(`${unitCgroup}/generation-1/worker-${slot}`);
      expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(`0::${cgroup}\n`);
    }
    const sockets = workers.map(({ pid }) => variables(pid).NOTIFY_SOCKET!);
    expect(new Set(sockets).size).toBe(3);
    await unit.reload();
    await unit.log.next(/worker 2 of generation 1 .* drained/);
    await eventually(() => expect(cgroups(unitCgroup).sort()).toEqual(["generation-2", "supervisor"]));
    expect(sockets.filter(existsSync)).toEqual([]);
  });

  test("one that crashes is started again in its slot, from what its generation was started from; the others serve", async () => {
    const { address, unit } = install("--workers 3 --env-file app.env", {
      service: directory => [`WorkingDirectory=${directory}`],
    });
    const write = (text: string) => execFileSync("sh", ["-c", `echo '${text}' > app.env`], { cwd: unit.directory });
    write("VERSION=1");
    await unit.start();
    const before = await workersOf(unit);
    write("VERSION=2");
    process.kill(before[1]!.pid, "SIGKILL");
    await unit.log.next(/worker 1 of generation 1 \(pid \d+\) was killed by SIGKILL\. Starting it again at once/);
    expect(await ask(address)).toMatch(/generation 1,/);
    await unit.log.next(/worker 1 of generation 1 \(pid \d+\) serving: /);
    const after = await workersOf(unit);
    const others = (workers: Worker[]) => workers.filter(({ slot }) => slot !== 1).map(({ pid }) => pid);
    expect(others(after)).toEqual(others(before));
    const again = after.find(({ slot }) => slot === 1)!;
    expect(again).toMatchObject({ restarts: 1, cgroup: before[1]!.cgroup });
    expect(variables(again.pid)).toMatchObject({ VERSION: "1", ZERODOWN_WORKER: "1" });
    expect(await unit.property("StatusText")).toBe("Generation 1 serving (3 workers)");
    // What is on disk is for the next generation; and not for one that is to be the same again.
    expect(zerodown("reload", "--same", unit.service).status).toBe(0);
    expect(variables((await workersOf(unit))[0]!.pid).VERSION).toBe("1");
    await unit.reload();
    expect(variables((await workersOf(unit))[0]!.pid).VERSION).toBe("2");
  });

  test("a stop drains all at once", async () => {
    const { address, unit } = install("--workers 3", { service: ["Environment=IDLE_GRACE=500"] });
    await unit.start();
    await ask(address);
    const start = performance.now();
    await unit.stop();
    expect(performance.now() - start).toBeLessThan(3 * 500 + 500);
    expect(unit.log.matching(/drained and exited with status 0$/)).toHaveLength(3);
    expect(await unit.property("Result")).toBe("success");
  });
});

test("whatever came and went, the supervisor holds no more than before", async () => {
  const { unit } = install("--workers 2", { service: ["Environment=IDLE_GRACE=100"] });
  await unit.start();
  const supervisor = await unit.mainPid();
  // What answers that is loaded with the first question.
  expect(await workersOf(unit)).toHaveLength(2);
  await idle(supervisor);
  const before = fdKinds(supervisor);
  expect(zerodown("scale", unit.service, "4").status).toBe(0);
  for (const { pid } of await workersOf(unit)) process.kill(pid, "SIGKILL");
  for (const slot of [0, 1, 2, 3]) {
    await unit.log.next(new RegExp(`worker ${slot} of generation 1 .* was killed by SIGKILL`));
    await unit.log.next(new RegExp(`worker ${slot} of generation 1 .* serving`));
  }
  await unit.reload();
  expect(zerodown("scale", unit.service, "2").status).toBe(0);
  await unit.log.next(/worker 3 of generation 2 .* drained/);
  await eventually(() => expect(fdKinds(supervisor)).toEqual(before));
}, 90_000);

describe("--surge 1", () => {
  test("one at a time; one that fails in the middle takes the others back to the old code", async () => {
    const { address, unit } = install("--workers 2 --surge 1 --env-file app.env", {
      command: `sh -c 'if [ "$FAIL" = "$ZERODOWN_WORKER" ]; then exit 3; fi; exec ${EXAMPLE}'`,
      service: directory => [`WorkingDirectory=${directory}`, "Environment=IDLE_GRACE=100"],
    });
    const write = (text: string) => execFileSync("sh", ["-c", `echo '${text}' > app.env`], { cwd: unit.directory });
    write("FAIL=none");
    await unit.start();
    write("FAIL=1");
    const { status } = await unit.systemctl("reload", unit.service);
    expect(status).toBe(1);
    await unit.log.next(/worker 0 of generation 2 serving: .* Draining those that they replace/);
    await unit.log.next(/reload failed after .*: worker 1 of generation 2 .* exited with status 3 before it was ready/);
    await unit.log.next(/worker 0 of generation 1 \(pid \d+\) serving: /);
    await unit.log.next(/worker 0 of generation 2 .* drained/);
    expect((await workersOf(unit)).map(({ slot, state }) => `${slot} ${state}`).sort()).toEqual([
      "0 serving",
      "1 serving",
    ]);
    expect(await ask(address)).toMatch(/generation 1,/);
    expect(await unit.property("StatusText")).toMatch(/^Reload failed: .*\. Generation 1 still serving \(2 workers\)$/);
  });
});

test("--max-age: another one starts first, and takes the slot; --worker-limit is in the cgroup of each", async () => {
  const { unit } = install("--workers 2 --max-age 8s --worker-limit cgroup.max.depth=7", {
    service: ["Environment=IDLE_GRACE=100"],
  });
  await unit.start();
  const [first] = await workersOf(unit);
  expect(readFileSync(`/sys/fs/cgroup${first!.cgroup}/cgroup.max.depth`, "utf8")).toBe("7\n");
  await unit.log.next(
    new RegExp(`worker 0 of generation 1 \\(pid ${first!.pid}\\) has run for .*: another one is to replace it`),
  );
  const from = unit.log.count;
  const line = await unit.log.next(/worker 0 of generation 1 \(pid \d+\) serving: /, from);
  await unit.log.next(new RegExp(`worker 0 of generation 1 \\(pid ${first!.pid}\\) drained`));
  const next = Number(/pid (\d+)/.exec(line)![1]);
  const { cgroup } = (await workersOf(unit)).find(({ pid }) => pid === next)!;
  expect(cgroup).toBe(`${first!.cgroup}.1`);
  expect(readFileSync(`/sys/fs/cgroup${cgroup}/cgroup.max.depth`, "utf8")).toBe("7\n");
}, 60_000);

describe("zerodown scale", () => {
  test("more and fewer, by command and by signal; the number outlives a reload", async () => {
    const { unit } = install("--workers 1", { service: ["Environment=IDLE_GRACE=100"] });
    await unit.start();
    expect(await unit.property("StatusText")).toMatch(/^Generation 1 \(pid \d+\) serving: greeting$/);
    expect(zerodown("scale", unit.service, "3")).toMatchObject({
      status: 0,
      stdout: "generation 1 (3 workers) serving\n",
    });
    await unit.reload();
    expect(await unit.property("StatusText")).toMatch(/^Generation 2 serving \(3 workers\)/);
    process.kill(await unit.mainPid(), "SIGTTIN");
    await unit.log.next(/worker 3 of generation 2 .* serving/);
    process.kill(await unit.mainPid(), "SIGTTOU");
    await unit.log.next(/worker 3 of generation 2 .* drained/);
    expect(zerodown("scale", unit.service, "1").status).toBe(0);
    await unit.log.next(/worker 2 of generation 2 .* drained/);
    process.kill(await unit.mainPid(), "SIGTTOU");
    await unit.log.next(/SIGTTOU ignored: one worker is the least/);
  });

  test.each(["0", "many", "-1"])("%s is refused", count => {
    expect(zerodown("scale", "app.service", count)).toMatchObject({ status: 64 });
  });
});
