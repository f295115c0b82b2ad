// More workers than the system has room for are refused before any of them starts; where that can't be known before, the reload
// fails.

import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { DeployedUnit } from "../support/deployed-unit.js";
import { eventually } from "../support/eventually.js";
import { limit } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";
import { ZERODOWN } from "../support/supervisor.js";
import { removeUnits } from "../support/unit.js";
import { workersOf, zerodown } from "../support/unit-workers.js";

afterEach(async () => {
  await removeUnits();
  await endServices();
});

/** Nobody's, and no other test's: the limit of processes counts all of a user's, and root has none. */
const UID = 61235;

function userTasks(): number {
  const lines = execFileSync("ps", ["-L", "-o", "uid=", "-e"], { encoding: "utf8" }).split("\n");
  return lines.filter(line => Number(line) === UID).length;
}

describe("LimitNOFILE=", () => {
  test("zerodown scale and SIGTTIN are refused, with the limit, its value and what it takes; what serves goes on", async () => {
    const service = new DeployedUnit("--workers 2");
    const { unit } = service;
    service.deploy(answering("v1"));
    unit.install(`${unit.service}.d/limit.conf`, ["[Service]", "LimitNOFILE=128"]);
    await unit.start();
    const before = await workersOf(unit);
    const { status, stderr } = zerodown("scale", unit.service, "1000");
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^zerodown: 1000 workers, and 1000 more while a reload runs, take 60\d\d descriptors of the supervisor: LimitNOFILE= is 128\n$/,
    );
    expect(await workersOf(unit)).toEqual(before);
    expect(zerodown("scale", unit.service, "4").status).toBe(0);
    const main = await unit.mainPid();
    const restore = limit(main, "nofile", readdirSync(`/proc/${main}/fd`).length + 5);
    process.kill(main, "SIGTTIN");
    await unit.log.next(/SIGTTIN ignored: 5 workers, and 5 more while a reload runs, take \d+ descriptors/);
    restore();
    await unit.reload();
    expect(await service.ask()).toMatch(/^v1 from generation/);
  });

  test("a start with too many fails before any of them starts", async () => {
    const service = new DeployedUnit("--workers 1000");
    const { unit } = service;
    service.deploy(answering("v1"));
    unit.install(`${unit.service}.d/limit.conf`, ["[Service]", "LimitNOFILE=1024", "Restart=no"]);
    await unit.systemctl("daemon-reload");
    expect((await unit.systemctl("start", unit.service)).status).toBe(1);
    expect(await unit.property("ExecMainStatus")).toBe("71");
    expect(unit.log.lines).toEqual([
      expect.stringMatching(
        /^zerodown: --workers 1000: 1000 workers, and 1000 more while a reload runs, take 60\d\d descriptors of the supervisor: LimitNOFILE= is 1024$/,
      ),
    ]);
  });
});

describe("LimitNPROC=", () => {
  async function start(workers: number): Promise<TestService> {
    const service = new TestService();
    service.deploy(answering("v1"));
    // A Python that is told to stop while it starts may lose that.
    const args = ["--workers", String(workers), "--stop-timeout", "2s"];
    const supervisor = service.launch({ args, uid: UID, copied: true });
    await supervisor.log.next(new RegExp(`generation 1 \\(${workers} workers\\) serving`));
    return service;
  }

  test("zerodown scale is refused", async () => {
    const service = await start(2);
    const { pid } = service.supervisor;
    const restore = limit(pid, "nproc", userTasks() + 5, UID);
    const scale = (count: number) =>
      execFileSync(ZERODOWN, ["scale", "--pid", String(pid), String(count)], { stdio: "pipe" });
    expect(() => scale(8)).toThrow(
      new RegExp(`8 workers, and 8 more .* processes and threads: LimitNPROC=, which counts all of user ${UID}, is `),
    );
    restore();
    expect(scale(3).toString()).toBe("generation 1 (3 workers) serving\n");
  });

  test("at the 5th worker of a reload: it fails, those that started are gone, and the old ones serve", async () => {
    const service = await start(8);
    const { supervisor } = service;
    const before = supervisor.children().sort();
    const restore = limit(supervisor.pid, "nproc", userTasks() + 4, UID);
    expect(await service.reload()).toMatch(
      /^reload failed after \S+: worker 4 of generation 2 could not be started: EAGAIN: .*\. Generation 1 \(8 workers\) still serving$/,
    );
    expect(supervisor.log.matching(/worker [0-3] of generation 2 \(pid \d+\) started/)).toHaveLength(4);
    await eventually(() => expect(supervisor.children().sort()).toEqual(before));
    expect(await service.ask()).toBe("v1 from generation 1");
    restore();
    service.deploy(answering("good"));
    expect(await service.reload()).toMatch(/^generation 3 \(8 workers\) serving: /);
    await eventually(() => expect(supervisor.children()).toHaveLength(8));
    expect(await service.ask()).toBe("good from generation 3");
  });
});
