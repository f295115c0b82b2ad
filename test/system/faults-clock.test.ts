// Steps of the wall clock: every limit is kept by CLOCK_MONOTONIC.

import { execFileSync } from "node:child_process";
import { performance } from "node:perf_hooks";
import { afterEach, describe, expect, test } from "@jest/globals";
import { answering, endServices, type ServiceOptions, TestService } from "../support/service.js";
import { Shim } from "../support/shim.js";

const DAY = 86_400;

let shim: Shim;
afterEach(async () => {
  await endServices();
  shim.close();
});

async function start({ env, ...options }: ServiceOptions): Promise<TestService> {
  const service = new TestService();
  shim = new Shim(`${service.path}/shim`);
  return service.start({ ...options, env: { ...env, ...shim.environment } });
}

/** Something that takes a second, and in whose middle the clock is stepped. */
async function expectASecond(
  begin: () => Promise<unknown>,
  seconds: number,
  end: () => Promise<unknown>,
): Promise<void> {
  const from = performance.now();
  await begin();
  shim.stepClock(seconds);
  await end();
  const elapsed = performance.now() - from;
  // Neither at once, nor a day later.
  expect(elapsed).toBeGreaterThanOrEqual(1000);
  expect(elapsed).toBeLessThan(10_000);
}

describe.each([
  ["forward", DAY],
  ["back", -DAY],
])("a clock that is stepped a day %s changes nothing about", (_, seconds) => {
  test("--start-timeout", async () => {
    const service = await start({ args: ["--start-timeout", "1s"] });
    const { supervisor } = service;
    service.deploy("exec sleep 1000");
    const begin = () => {
      supervisor.signal("SIGHUP");
      return supervisor.log.next(/generation 2 .* started$/);
    };
    await expectASecond(begin, seconds, () =>
      supervisor.log.next(/generation 2 .* not ready within \S+ and was killed/),
    );
    // A supervisor by the wall clock would say a day more, or less; its timers alone don't show a step forward.
    expect(supervisor.log.matching(/reload failed after [\d.]+s:/)).toHaveLength(1);
  });

  test("--stop-timeout, and the watchdog of one that goes on saying that it is well", async () => {
    const feeding = "(while systemd-notify WATCHDOG=1; do sleep 0.1; done) & ";
    const program = feeding + answering("v1", "ignore-stop");
    const service = await start({ program, args: ["--stop-timeout", "1s"], env: { WATCHDOG_USEC: "1000000" } });
    const { log } = service.supervisor;
    service.deploy(feeding + answering("v2"));
    const end = () => log.next(/generation 1 .* did not stop in time and was killed$/);
    await expectASecond(() => service.reload(), seconds, end);
    expect(log.matching(/missed/)).toEqual([]);
    expect(await service.ask()).toBe("v2 from generation 2");
  });

  test("--ready delay: and --settle", async () => {
    const service = await start({ args: ["--ready", "delay:500ms", "--settle", "500ms"] });
    const { supervisor } = service;
    const begin = () => {
      supervisor.signal("SIGHUP");
      return supervisor.log.next(/generation 2 .* started$/);
    };
    await expectASecond(begin, seconds, () => supervisor.log.next(/generation 2 .* serving: settled for 500ms/));
    expect(supervisor.log.matching(/generation 2 .* ready after (\d+s )?(\d+ms)?; settling/)).toHaveLength(1);
  });
});

test("such a step is seen by Node itself, so that these tests can fail", async () => {
  const service = await start({});
  const now = () =>
    Number(execFileSync(process.execPath, ["-p", "Date.now()"], { env: { ...process.env, ...shim.environment } }));
  const before = now();
  shim.stepClock(DAY);
  expect((now() - before) / 1000).toBeGreaterThanOrEqual(DAY);
  await service.expectRecovery(2);
});
