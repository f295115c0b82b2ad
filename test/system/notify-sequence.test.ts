// systemd is told the same, message by message, by either transport.

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { closeManagerSockets, ManagerSocket } from "../support/manager-socket.js";
import { hasSdNotify } from "../support/sd-notify.js";
import { answering, endServices, type ServiceOptions, TestService } from "../support/service.js";

afterEach(async () => {
  await endServices();
  closeManagerSockets();
});

interface Told {
  service: TestService;
  manager: ManagerSocket;
}

async function start(options: ServiceOptions): Promise<Told> {
  const service = new TestService();
  const manager = new ManagerSocket(`${service.path}/notify`).read();
  await service.start({ ...options, env: { NOTIFY_SOCKET: manager.address, ...options.env } });
  return { service, manager };
}

/** All that came, with the pids of generations and of the supervisor as words, and the time apart. */
function told({ service, manager }: Told): string[] {
  manager.collect();
  const pids: [string, string][] = [[String(service.supervisor.pid), "SUPERVISOR"]];
  for (const line of service.supervisor.log.matching(/ started$/)) {
    const [, generation, pid] = /generation (\d+) \(pid (\d+)\)/.exec(line)!;
    pids.push([pid!, `PID${generation}`]);
  }
  return manager.received.map(({ assignments }) =>
    assignments
      .map(assignment => assignment.replace(/^MONOTONIC_USEC=\d+$/, "MONOTONIC_USEC=…"))
      .map(assignment => pids.reduce((text, [pid, word]) => text.replace(new RegExp(`\\b${pid}\\b`), word), assignment))
      .join(" | "),
  );
}

/** systemd is to wait a little longer than we do: 10 min and 90 s are the timeouts, 5 s the margin. */
const START = [
  "EXTEND_TIMEOUT_USEC=605000000 | STATUS=Starting generation 1",
  "READY=1 | MAINPID=SUPERVISOR | STATUS=Generation 1 (pid PID1) serving",
];

const TRANSPORTS: [string, ServiceOptions][] = [["the addon", { copied: true }]];
// Optional, like the package; where CI says so it must be there.
if (hasSdNotify()) TRANSPORTS.push(["sd-notify", {}]);

describe.each(TRANSPORTS)("by %s systemd is told", (name, options) => {
  test("everything, and by no other transport", async () => {
    const { service } = await start(options);
    const isLoaded = readFileSync(`/proc/${service.supervisor.pid}/maps`, "utf8").includes("libsystemd.so");
    expect(isLoaded).toBe(name === "sd-notify");
  });

  test("READY, RELOADING, READY and STOPPING, in this order and no more", async () => {
    const before = process.hrtime.bigint() / 1000n;
    const { service, manager } = await start(options);
    service.deploy(answering("v2"));
    await service.reload();
    await manager.lines.next(/^STATUS=Generation 2 \(pid \d+\) serving$/);
    await service.supervisor.stop();
    const after = process.hrtime.bigint() / 1000n;

    expect(told({ service, manager })).toEqual([
      ...START,
      "RELOADING=1 | MONOTONIC_USEC=… | EXTEND_TIMEOUT_USEC=605000000 | STATUS=Starting generation 2",
      "READY=1 | MAINPID=SUPERVISOR | STATUS=Generation 2 (pid PID2) serving; draining: generation 1",
      "STATUS=Generation 2 (pid PID2) serving",
      "STOPPING=1 | EXTEND_TIMEOUT_USEC=95000000 | STATUS=Stopping: waiting for generation 2 (pid PID2)",
      "STATUS=Stopped",
    ]);
    // NotifyAccess=main demands that.
    expect(new Set(manager.received.map(({ pid }) => pid))).toEqual(new Set([service.supervisor.pid]));
    const times = manager.received.flatMap(({ assignments }) => assignments.filter(text => /^MONOTONIC/.test(text)));
    const time = BigInt(times[0]!.replace(/^.*=/, ""));
    expect(time > before && time < after).toBe(true);
    expect(service.supervisor.log.matching(/notif/i)).toEqual([]);
  });

  test("why a reload failed, and that it is ready all the same", async () => {
    const { service, manager } = await start(options);
    service.deploy("exit 1");
    await service.reload();
    service.deploy(answering("v3"));
    await service.reload();
    await manager.lines.next(/^STATUS=Generation 3 \(pid \d+\) serving$/);
    expect(told({ service, manager })).toEqual([
      ...START,
      "RELOADING=1 | MONOTONIC_USEC=… | EXTEND_TIMEOUT_USEC=605000000 | STATUS=Starting generation 2",
      "READY=1 | STATUS=Reload failed: generation 2 exited with status 1 before it was ready. " +
        "Generation 1 (pid PID1) still serving",
      "RELOADING=1 | MONOTONIC_USEC=… | EXTEND_TIMEOUT_USEC=605000000 | STATUS=Starting generation 3",
      "READY=1 | MAINPID=SUPERVISOR | STATUS=Generation 3 (pid PID3) serving; draining: generation 1",
      "STATUS=Generation 3 (pid PID3) serving",
    ]);
  });

  test("one READY for each RELOADING when reloads are asked for faster than they end", async () => {
    const { service, manager } = await start(options);
    const go = `until [ -e "\${0%/*}/go" ]; do sleep 0.01; done`;
    service.deploy(`${go}; ${answering("v2")}`);
    service.supervisor.signal("SIGHUP");
    await manager.lines.next(/^RELOADING=1/);
    service.supervisor.signal("SIGHUP");
    await service.supervisor.log.next(/one more follows/);
    service.write("go", "");
    await service.supervisor.serving(3);
    await manager.lines.next(/^STATUS=Generation 3 \(pid \d+\) serving$/);
    const states = manager.received
      .map(({ assignments }) => assignments[0])
      .filter(text => /^(READY|RELOADING|STOPPING)/.test(text!));
    expect(states).toEqual(["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1"]);
  });

  test("STOPPING, and no READY, when a stop interrupts a reload", async () => {
    const { service, manager } = await start(options);
    service.deploy("exec sleep 1000");
    service.supervisor.signal("SIGHUP");
    await service.supervisor.log.next(/generation 2 \(pid \d+\) started/);
    await service.supervisor.stop();
    const messages = told({ service, manager });
    expect(messages.slice(0, 4)).toEqual([
      ...START,
      "RELOADING=1 | MONOTONIC_USEC=… | EXTEND_TIMEOUT_USEC=605000000 | STATUS=Starting generation 2",
      "STOPPING=1 | EXTEND_TIMEOUT_USEC=95000000 | STATUS=Stopping: waiting for generation 1 (pid PID1), generation 2 (pid PID2)",
    ]);
    // Whichever ends first, the other is still waited for.
    expect(messages.slice(4)).toEqual([
      expect.stringMatching(/^STATUS=Stopping: waiting for generation [12] \(pid \w+\)$/),
      "STATUS=Stopped",
    ]);
  });

  test("a crash and what follows by STATUS only: it stays active", async () => {
    const { service, manager } = await start(options);
    process.kill(await service.supervisor.serving(1), "SIGKILL");
    await manager.lines.next(/^STATUS=Generation 2 \(pid \d+\) serving$/);
    expect(told({ service, manager })).toEqual([
      ...START,
      "STATUS=Generation 1 (pid PID1) was killed by SIGKILL. Starting generation 2",
      "STATUS=Generation 2 (pid PID2) serving",
    ]);
  });

  test("STOPPING when the first start fails, with the reason", async () => {
    const service = new TestService();
    const manager = new ManagerSocket(`${service.path}/notify`).read();
    service.deploy("exit 5");
    await service.launch({ ...options, env: { NOTIFY_SOCKET: manager.address } }).ended;
    expect(told({ service, manager })).toEqual([
      "EXTEND_TIMEOUT_USEC=605000000 | STATUS=Starting generation 1",
      "STOPPING=1 | STATUS=Start failed: generation 1 exited with status 5 before it was ready",
    ]);
  });

  test("the STATUS of the generation that serves, and EXTEND_TIMEOUT_USEC while systemd waits for one", async () => {
    const { service, manager } = await start(options);
    const notify = "systemd-notify";
    service.deploy(
      `${notify} EXTEND_TIMEOUT_USEC=5000000 STATUS=warming; ${notify} --ready --status=warm; trap exit INT; ` +
        `while :; do sleep 0.01; [ -e "\${0%/*}/go" ] && ${notify} --status=hot EXTEND_TIMEOUT_USEC=1 && exec sleep 1000; done`,
    );
    await service.reload();
    await manager.lines.next(/^STATUS=Generation 2 \(pid \d+\) serving: warm$/);
    service.write("go", "");
    await manager.lines.next(/: hot$/);
    expect(told({ service, manager })).toEqual([
      ...START,
      "RELOADING=1 | MONOTONIC_USEC=… | EXTEND_TIMEOUT_USEC=605000000 | STATUS=Starting generation 2",
      "EXTEND_TIMEOUT_USEC=10000000 | STATUS=Starting generation 2",
      "READY=1 | MAINPID=SUPERVISOR | STATUS=Generation 2 (pid PID2) serving: warm; draining: generation 1",
      "STATUS=Generation 2 (pid PID2) serving: warm",
      "STATUS=Generation 2 (pid PID2) serving: hot",
    ]);
  });
});
