// Signals at the worst moment: storms of them, in the middle of a start, unexpected ones, and children that ignore
// them.

import { readdirSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { isAlive } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";

afterEach(endServices);

/** `systemctl stop` must leave nothing behind. */
async function expectNothingLeft(service: TestService, pids: readonly number[]): Promise<void> {
  await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
  expect(readdirSync(`${service.path}/run`)).toEqual([]);
}

/** The pid of a generation that is starting. */
async function started(service: TestService, generation: number): Promise<number> {
  const line = await service.supervisor.log.next(new RegExp(`generation ${generation} \\(pid \\d+\\) started`));
  return Number(/pid (\d+)/.exec(line)![1]);
}

test("a thousand SIGHUPs make few generations, and the code that was there at the last one serves", async () => {
  const service = await new TestService().start();
  for (let count = 0; count < 1000; count++) {
    if (count === 999) service.deploy(answering("last"));
    service.supervisor.signal("SIGHUP");
    // Some reach it while it works, not all in one go.
    if (count % 100 === 0) await service.ask();
  }
  // The kernel delivers it after the others: they have all been heard.
  service.supervisor.signal("SIGUSR1");
  await service.supervisor.log.next(/SIGUSR1 ignored/);
  const newest = await eventually(() => {
    const newest = service.newest();
    expect(service.supervisor.log.matching(new RegExp(`generation ${newest} .* serving: `))).toHaveLength(1);
    expect(service.supervisor.children()).toHaveLength(1);
    return newest;
  });
  expect(newest).toBeLessThan(30);
  await service.expectOnly(newest, "last");
  await service.expectRecovery(newest + 1);
});

test("SIGTERM in the middle of a reload stops the candidate and the current one, and waits for no timeout", async () => {
  const service = await new TestService().start();
  const current = await service.supervisor.serving(1);
  service.deploy("exec sleep 1000");
  service.supervisor.signal("SIGHUP");
  const candidate = await started(service, 2);
  expect(await service.supervisor.stop()).toEqual({ status: 0, signal: null });
  expect(service.supervisor.log.matching(/stopping/)).toEqual(["zerodown: SIGTERM: stopping"]);
  await expectNothingLeft(service, [current, candidate]);
});

test("SIGTERM in the middle of the first start stops it", async () => {
  const service = new TestService();
  service.deploy("exec sleep 1000");
  const supervisor = service.launch({});
  const candidate = await started(service, 1);
  expect(await supervisor.stop()).toEqual({ status: 0, signal: null });
  await expectNothingLeft(service, [candidate]);
});

test("SIGHUP while it stops changes nothing", async () => {
  const service = await new TestService().start({ program: answering("v1", "linger") });
  const pid = await service.supervisor.serving(1);
  service.supervisor.signal("SIGTERM");
  await service.supervisor.output.next(/^generation 1 got SIGINT/);
  service.supervisor.signal("SIGHUP");
  // The one after it on the same way: when it is told, the other one was, too.
  service.supervisor.signal("SIGUSR1");
  await service.supervisor.log.next(/SIGUSR1 ignored/);
  process.kill(pid, "SIGUSR2");
  expect(await service.supervisor.ended).toEqual({ status: 0, signal: null });
  expect(service.supervisor.log.matching(/generation 2/)).toEqual([]);
});

test("a generation that ignores the stop signal is killed at --stop-timeout, and the new one serves on", async () => {
  const service = new TestService();
  await service.start({ program: answering("v1", "ignore-stop"), args: ["--stop-timeout", "300ms"] });
  const old = await service.supervisor.serving(1);
  service.deploy(answering("v2"));
  await service.reload();
  expect(await service.supervisor.log.next(/generation 1 .* stop/)).toBe(
    `zerodown: generation 1 (pid ${old}) did not stop in time and was killed`,
  );
  expect(isAlive(old)).toBe(false);
  await service.expectOnly(2, "v2");
  await service.expectRecovery(3);
});

test("at a stop such a generation is killed too, and the exit status tells", async () => {
  const service = new TestService();
  await service.start({ program: answering("v1", "ignore-stop"), args: ["--stop-timeout", "300ms"] });
  const pid = await service.supervisor.serving(1);
  expect(await service.supervisor.stop()).toEqual({ status: 128 + 9, signal: null });
  await expectNothingLeft(service, [pid]);
});

test("a second SIGINT kills at once what the first one asked to stop", async () => {
  const service = await new TestService().start({ program: answering("v1", "ignore-stop") });
  const pid = await service.supervisor.serving(1);
  service.supervisor.signal("SIGINT");
  await service.supervisor.output.next(/^generation 1 got SIGINT/);
  expect(isAlive(pid)).toBe(true);
  service.supervisor.signal("SIGINT");
  expect(await service.supervisor.ended).toEqual({ status: 128 + 9, signal: null });
  await expectNothingLeft(service, [pid]);
});

test("SIGUSR1 and SIGUSR2 are ignored and told: no debugger opens, nothing ends", async () => {
  const service = await new TestService().start();
  for (const signal of ["SIGUSR1", "SIGUSR2"] as const) {
    service.supervisor.signal(signal);
    expect(await service.supervisor.log.next(new RegExp(signal))).toBe(
      `zerodown: ${signal} ignored: --pass-signal ${signal} would pass it on to the app`,
    );
  }
  expect(service.supervisor.log.matching(/[Dd]ebugger/)).toEqual([]);
  expect(service.supervisor.output.lines).toEqual([]);
  await service.expectOnly(1, "v1");
  await service.expectRecovery(2);
});

test("--pass-signal reaches the serving and the draining generation, not the candidate", async () => {
  const service = new TestService();
  await service.start({ program: answering("v1", "linger"), args: ["--pass-signal", "SIGUSR1"] });
  const { output } = service.supervisor;
  const draining = await service.supervisor.serving(1);
  service.deploy(answering("v2"));
  await service.reload();
  await output.next(/^generation 1 got SIGINT/);
  // Untouched, the candidate would die of it.
  service.deploy(`until [ -e "\${0%/*}/go" ]; do sleep 0.01; done; ${answering("v3")}`);
  service.supervisor.signal("SIGHUP");
  await started(service, 3);

  service.supervisor.signal("SIGUSR1");
  await output.next(/^generation 1 got SIGUSR1/);
  await output.next(/^generation 2 got SIGUSR1/);
  service.write("go", "");
  await service.supervisor.serving(3);
  expect(output.matching(/^generation 3/)).toEqual([]);
  process.kill(draining, "SIGUSR2");
  await service.expectOnly(3, "v3");
});
