// Watchdogs, under a real systemd: its own of the supervisor, and the supervisor's of its generations.

import { afterEach, describe, expect, test } from "@jest/globals";
import { ask, HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { Puppet } from "../support/puppet.js";
import { APPS } from "../support/supervisor.js";
import { type App, installApp, removeUnits } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);

async function start(app: Omit<App, "command">): Promise<Puppet> {
  const puppet = new Puppet(app);
  await puppet.unit.start();
  return puppet;
}

describe("a generation", () => {
  test("that said WATCHDOG=1 by systemd-notify, and no more, is replaced; systemd doesn't notice", async () => {
    const puppet = await start({ service: ["WatchdogSec=1s"] });
    const changes = await puppet.unit.follow();
    const pid = await puppet.waits(1);
    await puppet.systemdNotify("WATCHDOG=1");
    await puppet.unit.log.next(
      new RegExp(`generation 1 \\(pid ${pid}\\) missed its watchdog of 1s and was killed by SIGABRT\\. Starting`),
    );
    await puppet.unit.serving(2);
    expect(changes.matching(/^(ActiveState|SubState|MainPID|NRestarts)=/)).toEqual([]);
    expect(await puppet.unit.property("NRestarts")).toBe("0");
  });

  test("that never said it is not watched, and its WATCHDOG_USEC= is its own", async () => {
    const puppet = await start({ service: ["WatchdogSec=300ms"] });
    await puppet.run("sh [ $WATCHDOG_USEC = 300000 ] && [ $WATCHDOG_PID = $PPID ] && echo as it should be");
    await puppet.unit.log.next(/^as it should be$/);
    const silent = await start({ service: ["WatchdogSec=300ms"] });
    await silent.systemdNotify("WATCHDOG=1");
    await silent.unit.serving(2);
    expect(puppet.unit.log.matching(/missed/)).toEqual([]);
  });

  test("that goes on saying it is left alone", async () => {
    const puppet = await start({ service: ["WatchdogSec=600ms"] });
    await puppet.run("sh for i in $(seq 20); do systemd-notify WATCHDOG=1; sleep 0.1; done");
    expect(puppet.unit.log.matching(/missed/)).toEqual([]);
    await puppet.unit.log.next(/missed its watchdog of 600ms: aborting it$/);
  });

  test("that says WATCHDOG=trigger by systemd-notify is replaced at once", async () => {
    const puppet = await start({});
    await puppet.begin("sh systemd-notify WATCHDOG=trigger");
    await puppet.unit.log.next(/generation 1 .* triggered its watchdog and was killed by SIGABRT\. Starting/);
    await puppet.unit.serving(2);
    expect(await puppet.unit.property("NRestarts")).toBe("0");
  });

  test("may choose its time by WATCHDOG_USEC=, without a watchdog of systemd's", async () => {
    const puppet = await start({});
    await puppet.systemdNotify("WATCHDOG_USEC=300000");
    await puppet.unit.log.next(/missed its watchdog of 300ms and was killed by SIGABRT/);
  });

  test("that ignores SIGABRT is killed beyond --stop-timeout; one that was stopped goes at once", async () => {
    const puppet = await start({ options: "--stop-timeout 500ms" });
    await puppet.run("ignore");
    await puppet.systemdNotify("WATCHDOG_USEC=300000");
    await puppet.unit.log.next(/generation 1 .* missed its watchdog of 300ms and did not end at SIGABRT\. Starting/);

    const stopped = await start({ options: "--stop-timeout 1h" });
    const pid = await stopped.waits(1);
    await stopped.systemdNotify("WATCHDOG_USEC=300000");
    process.kill(pid, "SIGSTOP");
    await stopped.unit.log.next(/generation 1 .* missed its watchdog of 300ms and was killed by SIGABRT/);
  });

  test("that is drained is watched no more", async () => {
    const puppet = await start({ options: "--stop-timeout 1h" });
    await puppet.run("ignore");
    await puppet.systemdNotify("WATCHDOG_USEC=1500000");
    await puppet.unit.reload();
    await puppet.run("sh sleep 2");
    await puppet.begin("exit 0");
    await puppet.unit.log.next(/generation 1 .* drained and exited with status 0$/);
  });

  test("that hangs under load costs the requests that it has taken, and no other", async () => {
    const address = loopback();
    const unit = installApp({
      command: `/usr/bin/python3 ${APPS}hanging.py`,
      service: ["WatchdogSec=1s"],
      socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
    });
    await unit.start();
    const load = new HttpLoad(address, { clients: 6, keepAlive: false });
    await load.answers(20, /generation 1$/);
    // The app takes this request, and never anything more.
    const hung = ask(address, "/hang").catch((error: Error) => error.message);
    await unit.log.next(/generation 1 .* missed its watchdog of 1s and was killed by SIGABRT/);
    await load.answers(50, /generation 2$/);
    await load.stop();
    expect(await hung).toMatch(/^(closed|read ECONNRESET) after 0 bytes of the answer$/);
    expect(load.failures).toEqual([]);
    expect(await unit.property("NRestarts")).toBe("0");
    expect(await unit.property("ActiveState")).toBe("active");
  });
});

describe("systemd's watchdog", () => {
  test("is fed, through reloads too, and only for as long as the supervisor's loop runs", async () => {
    const puppet = await start({ service: ["WatchdogSec=500ms", "RestartSec=100ms", "TimeoutAbortSec=500ms"] });
    const changes = await puppet.unit.follow();
    for (let generation = 2; generation <= 4; generation++) {
      await puppet.run("sh sleep 0.6", generation - 1);
      await puppet.unit.reload();
    }
    expect(changes.matching(/^NRestarts=/)).toEqual([]);
    process.kill(await puppet.unit.mainPid(), "SIGSTOP");
    await changes.next(/^Result=watchdog$/);
    await changes.next(/^NRestarts=1$/);
  });

  test("a supervisor that was stopped for a while finds its generations as healthy as they are", async () => {
    const puppet = await start({});
    await puppet.run("sh (while systemd-notify WATCHDOG=1; do sleep 0.05; done) >/dev/null 2>&1 &");
    await puppet.systemdNotify("WATCHDOG_USEC=400000");
    const main = await puppet.unit.mainPid();
    process.kill(main, "SIGSTOP");
    // The supervisor stops for longer than the generation may be silent: what that says meanwhile waits to be read.
    await puppet.run("sh sleep 1");
    process.kill(main, "SIGCONT");
    await puppet.run("sh sleep 0.3");
    expect(puppet.unit.log.matching(/missed/)).toEqual([]);
  });

  test("that wants to be fed more often than that can be waits longer", async () => {
    const puppet = await start({ service: ["WatchdogSec=1ms"] });
    await puppet.unit.log.next(/WatchdogSec=: a watchdog of 1ms is shorter than can be honoured, 200ms are used$/);
    await puppet.run("sh sleep 0.5");
    expect(await puppet.unit.property("ActiveState")).toBe("active");
    expect(await puppet.unit.property("NRestarts")).toBe("0");
  });

  test("that is garbled is told, and not served", async () => {
    const puppet = await start({ service: ["Environment=WATCHDOG_USEC=often"] });
    await puppet.unit.log.next(/WATCHDOG_USEC="often" isn't a number of microseconds: no watchdog is served$/);
  });
});
