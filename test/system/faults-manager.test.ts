// systemd reads its units again, or executes itself again, in the middle of a start, a reload and a drain.

import { afterEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { Puppet } from "../support/puppet.js";
import { removeUnits } from "../support/unit.js";

afterEach(removeUnits);

const READY = "sh systemd-notify --ready";

/** Nothing but the generations has changed. */
async function expectUndisturbed({ unit }: Puppet, pid: number, generation: number): Promise<void> {
  await eventually(async () =>
    expect(await unit.property("StatusText")).toMatch(new RegExp(`^Generation ${generation} \\(pid \\d+\\) serving$`)),
  );
  expect(await unit.property("ActiveState")).toBe("active");
  expect(await unit.mainPid()).toBe(pid);
  expect(await unit.property("NRestarts")).toBe("0");
  expect(unit.log.matching(/notified|internal error/)).toEqual([]);
}

/** Whoever waits in systemctl learns the outcome, unless systemd executed itself again, which cuts its connection. */
async function expectOutcome(verb: string, command: Promise<{ status: number }>, status: number): Promise<void> {
  expect((await command).status).toBe(verb === "daemon-reexec" ? 1 : status);
}

async function expectProperty({ unit }: Puppet, name: string, value: string): Promise<void> {
  await eventually(async () => expect(await unit.property(name)).toBe(value));
}

test("a reload while it starts is a part of that start, and starts no second generation", async () => {
  const puppet = new Puppet({}, "--silent");
  const { unit } = puppet;
  const start = unit.start();
  await puppet.waits(1);
  await unit.must("--no-block", "reload", unit.service);
  await puppet.run(READY);
  await start;
  await expectUndisturbed(puppet, await unit.mainPid(), 1);
  expect(unit.log.matching(/generation 2/)).toEqual([]);
});

describe.each(["daemon-reload", "daemon-reexec"])("%s", verb => {
  test("in the middle of a start: the unit becomes active when the app is ready", async () => {
    const puppet = new Puppet({}, "--silent");
    const { unit } = puppet;
    await unit.must("daemon-reload");
    const start = unit.systemctl("start", unit.service);
    await puppet.waits(1);
    const pid = await unit.mainPid();
    await unit.must(verb);
    expect(await unit.property("ActiveState")).toBe("activating");
    await puppet.run(READY);
    await expectOutcome(verb, start, 0);
    await expectUndisturbed(puppet, pid, 1);
  });

  test("in the middle of a reload: it has its outcome, good or bad", async () => {
    const puppet = new Puppet({}, "--silent");
    const { unit } = puppet;
    const started = unit.start();
    await puppet.run(READY);
    await started;
    const pid = await unit.mainPid();
    const reload = async (generation: number, does: string, status: number) => {
      const command = unit.systemctl("reload", unit.service);
      await puppet.waits(generation);
      await unit.must(verb);
      expect(await unit.property("ActiveState")).toBe("reloading");
      await puppet.begin(does, generation);
      await expectOutcome(verb, command, status);
      await expectProperty(puppet, "ActiveState", "active");
      await expectProperty(puppet, "ReloadResult", status === 0 ? "success" : "exit-code");
    };
    await reload(2, READY, 0);
    await reload(3, "exit 3", 1);
    expect(await unit.property("StatusText")).toMatch(
      /^Reload failed: generation 3 exited .*\. Generation 2 .* serving$/,
    );
    await reload(4, READY, 0);
    await expectUndisturbed(puppet, pid, 4);
  });

  test("in the middle of a drain: the old generation finishes, and systemd learns of it", async () => {
    const puppet = new Puppet({ options: "--stop-timeout 20s" });
    const { unit } = puppet;
    await unit.start();
    const pid = await unit.mainPid();
    await puppet.run("ignore");
    await unit.reload();
    await unit.must(verb);
    expect(await unit.property("StatusText")).toMatch(/^Generation 2 .* serving; draining: generation 1$/);
    await puppet.begin("exit 0");
    await unit.log.next(/generation 1 .* drained and exited with status 0$/);
    await expectUndisturbed(puppet, pid, 2);
  });

  test("in the middle of a stop: it goes on, and ends cleanly", async () => {
    const puppet = new Puppet({ options: "--stop-timeout 20s" });
    const { unit } = puppet;
    await unit.start();
    await puppet.run("ignore");
    const stop = unit.systemctl("stop", unit.service);
    await unit.log.next(/SIGTERM: stopping/);
    await unit.must(verb);
    expect(await unit.property("ActiveState")).toBe("deactivating");
    await puppet.begin("exit 0");
    await expectOutcome(verb, stop, 0);
    await expectProperty(puppet, "ActiveState", "inactive");
    expect(await unit.property("Result")).toBe("success");
  });
});

test("daemon-reload makes systemd forget EXTEND_TIMEOUT_USEC=: from then on TimeoutStartSec= counts", async () => {
  const puppet = new Puppet(
    { options: "--start-timeout 20s", service: ["TimeoutStartSec=1s", "Restart=no"] },
    "--silent",
  );
  const { unit } = puppet;
  const started = unit.start().catch((error: Error) => error.message);
  await puppet.run("sh sleep 1.5");
  expect(await unit.property("ActiveState")).toBe("activating");
  await unit.must("daemon-reload");
  expect(await started).toContain("a timeout was exceeded");
  expect(await unit.property("Result")).toBe("timeout");
});
