// A generation may say all of sd_notify(3), a row of the protocol each: from a real app, or systemd-notify where that
// can, to a real systemd, which shows what it made of it.

import { afterEach, describe, expect, test } from "@jest/globals";
import { isAlive } from "../support/processes.js";
import { beginReload, Puppet } from "../support/puppet.js";
import { type App, removeUnits } from "../support/unit.js";

afterEach(removeUnits);

async function start(app: Omit<App, "command"> = {}): Promise<Puppet> {
  const puppet = new Puppet(app);
  await puppet.unit.start();
  return puppet;
}

describe("systemd-notify", () => {
  test("READY=1 makes a candidate take over, and says nothing new of one that serves", async () => {
    const { puppet, unit, reload } = await beginReload({});
    await puppet.systemdNotify("READY=1");
    expect(unit.log.matching(/generation 1 .* serving: /)).toHaveLength(1);
    await puppet.run("sh systemd-notify --ready", 2);
    expect((await reload).status).toBe(0);
    expect(await unit.property("StatusText")).toMatch(/^Generation 2 \(pid \d+\) serving/);
  });

  test("STATUS= is shown with the generation before it, as soon as systemd-notify returns", async () => {
    const puppet = await start();
    const changes = await puppet.unit.follow();
    await puppet.systemdNotify("--status=12 jobs, 50% busy");
    await changes.next(/^StatusText=Generation 1 \(pid \d+\) serving: 12 jobs, 50% busy$/);
  });

  test("EXTEND_TIMEOUT_USEC= gives a candidate more time than --start-timeout", async () => {
    const { puppet, unit, reload } = await beginReload({ options: "--start-timeout 1s" });
    await puppet.run("sh systemd-notify EXTEND_TIMEOUT_USEC=20000000; sleep 1.5; systemd-notify --ready", 2);
    expect((await reload).status).toBe(0);
    await unit.serving(2);
  });

  test("EXTEND_TIMEOUT_USEC= gives one that drains more time than --stop-timeout", async () => {
    const puppet = await start({ options: "--stop-timeout 1s" });
    await puppet.run("ignore");
    await puppet.unit.reload();
    await puppet.run("sh systemd-notify EXTEND_TIMEOUT_USEC=20000000; sleep 1.5");
    await puppet.begin("exit 0");
    await puppet.unit.log.next(/generation 1 .* drained and exited with status 0$/);
  });

  test("STOPPING=1 makes its end one that was to be expected: no crash, its status is the service's, and no watchdog bites", async () => {
    const puppet = await start({ service: ["Restart=no", "WatchdogSec=300ms"] });
    const changes = await puppet.unit.follow();
    await puppet.systemdNotify("WATCHDOG=1");
    await puppet.systemdNotify("STOPPING=1");
    await puppet.unit.log.next(/generation 1 \(pid \d+\) says it is stopping$/);
    await puppet.run("sh sleep 0.6");
    await puppet.begin("exit 7");
    await changes.next(/^ActiveState=failed$/);
    expect(await puppet.unit.property("ExecMainStatus")).toBe("7");
    expect(puppet.unit.log.matching(/ started$/)).toHaveLength(1);
    expect(puppet.unit.log.matching(/missed/)).toEqual([]);
  });

  test.each([
    [["ERRNO=2"], "ERRNO=2, ENOENT"],
    [["EXIT_STATUS=3"], "EXIT_STATUS=3"],
    [["BUSERROR=org.freedesktop.DBus.Error.TimedOut"], "BUSERROR=org.freedesktop.DBus.Error.TimedOut"],
    [["VARLINKERROR=io.example.Busy", "ERRNO=16"], "ERRNO=16, EBUSY, VARLINKERROR=io.example.Busy"],
  ])("%j is the reason when it fails", async (assignments, reason) => {
    const { puppet, unit, reload } = await beginReload({});
    await puppet.run(`sh systemd-notify ${assignments.join(" ")}`, 2);
    await puppet.begin("exit 7", 2);
    expect((await reload).status).toBe(1);
    expect(await unit.property("StatusText")).toContain(
      `Reload failed: generation 2 exited with status 7 before it was ready (it reported ${reason}). Generation 1`,
    );
  });

  test("BARRIER=1 is answered: systemd-notify returns, and what it sent before has been taken", async () => {
    const puppet = await start();
    // systemd-notify fails after 5 s without an answer.
    await puppet.run("sh for i in 1 2 3; do systemd-notify --status=$i || echo failed; done; echo all are taken");
    expect(puppet.unit.log.matching(/^failed$/)).toEqual([]);
    expect(puppet.unit.log.matching(/^all are taken$/)).toHaveLength(1);
  });

  test("MAINPID=, NOTIFYACCESS= and RELOADING=1 don't reach systemd", async () => {
    const puppet = await start();
    const [main, changes] = [await puppet.unit.mainPid(), await puppet.unit.follow()];
    await puppet.systemdNotify("MAINPID=1", "NOTIFYACCESS=all");
    await puppet.systemdNotify("RELOADING=1");
    await puppet.systemdNotify("--status=and that is all");
    await changes.next(/^StatusText=.*: and that is all$/);
    expect(changes.matching(/^(MainPID|NotifyAccess|ActiveState|SubState)=/)).toEqual([]);
    expect(await puppet.unit.mainPid()).toBe(main);
  });

  test("X_… and whatever else it may say is ignored", async () => {
    const puppet = await start();
    const before = puppet.unit.log.count;
    await puppet.systemdNotify("X_OURS=1", "MONOTONIC_USEC=5", "NEW_IN_2030=yes");
    expect(puppet.unit.log.lines.slice(before)).toEqual([expect.stringMatching(/^1> done: /)]);
  });
});

describe("an app itself", () => {
  test("may send from any of its processes, a daemonized one too", async () => {
    const puppet = await start();
    const changes = await puppet.unit.follow();
    // systemd-notify sends in the name of its parent, which therefore must be one of the app's processes, and alive.
    await puppet.run("sh setsid --fork sh -c 'systemd-notify --status=from\\ afar; true'");
    await changes.next(/^StatusText=.*: from afar$/);
  });

  test.each([
    ["FDSTORE=1 without a descriptor", "FDSTORE=1\nFDNAME=a"],
    ["FDSTOREREMOVE=1 of what isn't there", "FDSTOREREMOVE=1\nFDNAME=a"],
    ["WATCHDOG_USEC= that isn't a number", "WATCHDOG_USEC=soon"],
    ["nothing at all", ""],
  ])("is heard without a word: %s", async (_, text) => {
    const puppet = await start();
    const before = puppet.unit.log.count;
    await puppet.send(text);
    expect(puppet.unit.log.lines.slice(before)).toEqual([expect.stringMatching(/^1> done: /)]);
  });

  test("is told once that FDSTOREREMOVE=1 lacks its name, and serves on", async () => {
    const puppet = await start();
    await puppet.send("FDSTOREREMOVE=1");
    await puppet.send("FDSTOREREMOVE=1");
    expect(puppet.unit.log.matching(/FDSTOREREMOVE=1 removes nothing: it lacks an FDNAME=$/)).toHaveLength(1);
    expect(isAlive(await puppet.waits(1))).toBe(true);
  });
});
