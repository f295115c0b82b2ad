// Limits of descriptors and tasks, as /proc and cgroups tell.

import { expect, test } from "@jest/globals";
import { cgroupLimits, fileLimits, maxOpenFiles, threadsOf } from "../../../src/linux/limits.js";
import { whatLacks } from "../../../src/supervisor/room.js";

test("of tasks, each cgroup around a process may have one", () => {
  const files: Record<string, string> = {
    "/system.slice/pids.max": "max\n",
    "/system.slice/pids.current": "200\n",
    "/system.slice/app.service/pids.max": "100\n",
    "/system.slice/app.service/pids.current": "17\n",
  };
  const read = (cgroup: string, file: string) => files[`${cgroup}/${file}`] ?? "";
  expect(
    cgroupLimits(["/system.slice", "/system.slice/app.service", "/system.slice/app.service/supervisor"], read),
  ).toEqual([{ name: "TasksMax= of /system.slice/app.service", max: 100, used: 17 }]);
});

test("of descriptors, this process has one, and some of it is in use", () => {
  const [limit] = fileLimits();
  expect(limit).toMatchObject({ name: "LimitNOFILE=", max: maxOpenFiles() });
  expect(limit!.used).toBeGreaterThan(3);
  expect(limit!.used).toBeLessThan(limit!.max);
});

test("a process has threads, and one that is gone has none", () => {
  expect(threadsOf(process.pid)).toBeGreaterThan(4);
  expect(threadsOf(2 ** 22 + 1)).toBe(0);
});

test("what lacks for too many workers names the limit, its value and what they take; --surge, probes and --before-drain count", () => {
  const max = maxOpenFiles()!;
  const whatFor = (workers: number, surge: number, ready: "notify" | "fd" = "notify", ...probes: string[]) =>
    whatLacks({ workers, surge, ready, probes, beforeDrain: 0, pids: [] });
  const half = Math.ceil(max / 2);
  expect(whatFor(half, 1)).toMatch(
    new RegExp(
      `^${half} workers, and 1 more while a reload runs, take \\d+ descriptors of the supervisor: LimitNOFILE= is ${max}$`,
    ),
  );
  const quarter = Math.ceil(max / 4);
  expect(whatFor(quarter, Number.POSITIVE_INFINITY)).toContain(`${quarter} workers, and ${quarter} more while`);
  expect(whatFor(quarter, 1)).toBeUndefined();
  expect(whatFor(Math.ceil(max / 3), 1, "fd")).toMatch(/descriptors/);
  expect(whatFor(quarter, 1, "notify", "true")).toMatch(/descriptors/);
  const draining = { workers: quarter, surge: 1, ready: "notify", probes: [], beforeDrain: 10e6, pids: [] } as const;
  expect(whatLacks(draining)).toMatch(/descriptors/);
});
