// Processes that are stopped (SIGSTOP), and go on (SIGCONT): a generation, at each state, and the supervisor.

import { afterEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { processState } from "../support/processes.js";
import { answering, endServices, type ServiceOptions, TestService } from "../support/service.js";

afterEach(endServices);

async function pause(pid: number): Promise<void> {
  await eventually(() => {
    // Again, because the SIGCONT that goes with each stop signal may come after it.
    process.kill(pid, "SIGSTOP");
    expect(processState(pid)).toBe("T");
  });
}

/** Begins a reload, and returns the candidate's pid and the outcome to be. */
async function reloading(service: TestService): Promise<{ candidate: number; outcome: Promise<string> }> {
  const outcome = service.reload();
  const line = await service.supervisor.log.next(/generation 2 \(pid \d+\) started$/);
  return { candidate: Number(/pid (\d+)/.exec(line)![1]), outcome };
}

/** A program that is ready when the file "go" is there. */
const WAITING = `until [ -e "\${0%/*}/go" ]; do sleep 0.01; done; ${answering("v2")}`;

describe("a generation that is stopped", () => {
  test("while it serves: clients wait, and are answered when it goes on; nobody ends it", async () => {
    const service = await new TestService().start();
    const pid = await service.supervisor.serving(1);
    await pause(pid);
    const answers = [service.ask(), service.ask()];
    process.kill(pid, "SIGCONT");
    expect(await Promise.all(answers)).toEqual(Array(2).fill("v1 from generation 1"));
    await service.expectOnly(1, "v1");
  });

  test("while it serves: a reload replaces it, the waiting clients are answered, and it drains, woken up for that", async () => {
    const service = await new TestService().start();
    await pause(await service.supervisor.serving(1));
    const answers = [service.ask(), service.ask()];
    service.deploy(answering("v2"));
    expect(await service.reload()).toMatch(/^generation 2 .* serving/);
    expect((await Promise.all(answers)).join()).toMatch(/^(v\d from generation \d,?){2}$/);
    await service.supervisor.log.next(/generation 1 .* drained and exited with status 0$/);
    await service.expectOnly(2, "v2");
  });

  test("as a candidate, for less than --start-timeout: it takes over", async () => {
    const service = await new TestService().start();
    service.deploy(WAITING);
    const { candidate, outcome } = await reloading(service);
    await pause(candidate);
    service.write("go", "");
    process.kill(candidate, "SIGCONT");
    expect(await outcome).toMatch(/^generation 2 .* serving/);
    await service.expectOnly(2, "v2");
  });

  test("as a candidate, for longer: it is killed, and the old generation serves", async () => {
    const service = await new TestService().start({ args: ["--start-timeout", "1s"] });
    service.deploy(WAITING);
    const { candidate, outcome } = await reloading(service);
    await pause(candidate);
    expect(await outcome).toMatch(/^reload failed .* generation 2 .* was not ready within \S+ and was killed\./);
    await service.expectOnly(1, "v1");
  });

  test("while it drains: it is killed at --stop-timeout", async () => {
    const service = new TestService();
    await service.start({ program: answering("v1", "linger"), args: ["--stop-timeout", "2s"] });
    const old = await service.supervisor.serving(1);
    service.deploy(answering("v2"));
    await service.reload();
    await service.supervisor.output.next(/^generation 1 got SIGINT/);
    await pause(old);
    await service.supervisor.log.next(/generation 1 .* did not stop in time and was killed$/);
    await service.expectOnly(2, "v2");
  });
});

/** Stops the supervisor while something is done, and for so many ms more. */
async function withoutSupervisor(service: TestService, act: () => unknown, longer = 0): Promise<void> {
  await pause(service.supervisor.pid);
  await act();
  await new Promise(resolve => setTimeout(resolve, longer));
  service.supervisor.signal("SIGCONT");
}

describe("a supervisor that is stopped", () => {
  async function start(options?: ServiceOptions): Promise<TestService> {
    return new TestService().start(options);
  }

  test("keeps no client waiting, and reloads when it goes on", async () => {
    const service = await start();
    service.deploy(answering("v2"));
    await withoutSupervisor(service, async () => {
      service.supervisor.signal("SIGHUP");
      for (let count = 0; count < 5; count++) expect(await service.ask()).toBe("v1 from generation 1");
    });
    await service.supervisor.serving(2);
    await service.expectOnly(2, "v2");
  });

  test("stops when it goes on", async () => {
    const service = await start();
    await withoutSupervisor(service, () => service.supervisor.signal("SIGTERM"));
    expect(await service.supervisor.ended).toEqual({ status: 0, signal: null });
  });

  test("takes one for stopped that got the same signal and was faster, as with KillMode=control-group", async () => {
    const service = await start();
    const pid = await service.supervisor.serving(1);
    await withoutSupervisor(service, async () => {
      service.supervisor.signal("SIGTERM");
      process.kill(pid, "SIGTERM");
      await eventually(() => expect(processState(pid)).toBe("Z"));
    });
    expect(await service.supervisor.ended).toEqual({ status: 0, signal: null });
    expect(service.supervisor.log.matching(/Starting generation 2/)).toEqual([]);
    await service.supervisor.log.next(/generation 1 \(pid \d+\) drained and was killed by SIGTERM$/);
  });

  test("replaces a generation that crashed meanwhile, and the clients that wait are answered", async () => {
    const service = await start();
    const pid = await service.supervisor.serving(1);
    let answer: Promise<string>;
    await withoutSupervisor(service, async () => {
      process.kill(pid, "SIGKILL");
      await eventually(() => expect(processState(pid)).toBe("Z"));
      answer = service.ask();
    });
    expect(await answer!).toBe("v1 from generation 2");
    await service.expectOnly(2, "v1");
  });

  test("hears a candidate that became ready in time, though its own limit has passed since", async () => {
    const service = await start({ args: ["--start-timeout", "500ms"] });
    service.deploy(WAITING.replace("exec", "systemd-notify --ready --no-block; echo told; exec"));
    const { outcome } = await reloading(service);
    await withoutSupervisor(
      service,
      async () => {
        service.write("go", "");
        await service.supervisor.output.next(/^told/);
      },
      1000,
    );
    expect(await outcome).toMatch(/^generation 2 .* serving/);
    await service.expectOnly(2, "v2");
  });

  test("finds a generation drained that ended in time, though the limit has passed since", async () => {
    const service = await start({ program: answering("v1", "linger"), args: ["--stop-timeout", "500ms"] });
    const old = await service.supervisor.serving(1);
    service.deploy(answering("v2"));
    await service.reload();
    await service.supervisor.output.next(/^generation 1 got SIGINT/);
    await withoutSupervisor(
      service,
      async () => {
        process.kill(old, "SIGUSR2");
        await eventually(() => expect(processState(old)).toBe("Z"));
      },
      1000,
    );
    await service.supervisor.log.next(/generation 1 .* drained and exited with status 0$/);
    await service.expectOnly(2, "v2");
  });
});
