// A service manager that isn't there, goes away, or doesn't read: the service goes on, and it is told once.

import { readdirSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { closeManagerSockets, ManagerSocket } from "../support/manager-socket.js";
import { limit, nextFds } from "../support/processes.js";
import { answering, endServices, type ServiceOptions, TestService } from "../support/service.js";

afterEach(async () => {
  await endServices();
  closeManagerSockets();
});

/** The lines of the log about notifying. */
function complaints(service: TestService): string[] {
  return service.supervisor.log.matching(/NOTIFY_SOCKET|notified/);
}

const STATE = /^(READY|RELOADING|STOPPING)=1/;

/** The states that were told, without what comes with them. */
function states(manager: ManagerSocket): string[] {
  manager.collect();
  return manager.lines.matching(STATE).map(line => line.replace(/=1.*/, ""));
}

const TRANSPORTS: [string, ServiceOptions][] = [
  ["the addon", { copied: true }],
  ["sd-notify, where it is installed", {}],
];

describe.each(TRANSPORTS)("by %s", (_, options) => {
  test.each([
    ["is missing", "/nowhere/notify", "ENOENT: no such file or directory, connect '/nowhere/notify'"],
    ["is nobody's", "@zerodown-test-nobody", "ECONNREFUSED: connection refused, connect '@zerodown-test-nobody'"],
    ["isn't a socket", "/dev/null", "ECONNREFUSED: connection refused, connect '/dev/null'"],
    ["isn't an address", "relative", "EINVAL: invalid argument, connect 'relative'"],
    ["is too long", `/${"x".repeat(200)}`, `ENAMETOOLONG: name too long, connect '/${"x".repeat(200)}'`],
  ])("with a NOTIFY_SOCKET that %s it serves and reloads, and says so once", async (_, address, text) => {
    const service = await new TestService().start({ ...options, env: { NOTIFY_SOCKET: address } });
    await service.expectRecovery(2);
    expect(complaints(service)).toEqual([`zerodown: systemd can't be notified: NOTIFY_SOCKET=${address}: ${text}`]);
  });

  test("with a NOTIFY_SOCKET that goes away it serves and reloads, and says so once", async () => {
    const service = new TestService();
    const manager = new ManagerSocket(`${service.path}/notify`).read();
    await service.start({ ...options, env: { NOTIFY_SOCKET: manager.address } });
    await manager.lines.next(/^READY=1/);
    manager.close();
    await service.expectRecovery(2);
    await service.expectRecovery(3);
    expect(complaints(service)).toEqual([
      `zerodown: systemd can't be notified: NOTIFY_SOCKET=${manager.address}: ` +
        `ENOENT: no such file or directory, connect '${manager.address}'`,
    ]);
  });

  test("with a NOTIFY_SOCKET that comes back it is told again", async () => {
    const service = new TestService();
    const before = new ManagerSocket(`${service.path}/notify`).read();
    await service.start({ ...options, env: { NOTIFY_SOCKET: before.address } });
    before.close();
    await service.expectRecovery(2);
    const manager = new ManagerSocket(before.address).read();
    await service.expectRecovery(3);
    await manager.lines.next(/^STATUS=Generation 3 \(pid \d+\) serving$/);
    expect(states(manager)).toEqual(["RELOADING", "READY"]);
  });

  test("with a NOTIFY_SOCKET that is full it never blocks, and all arrives in order once there is room", async () => {
    const service = new TestService();
    const manager = new ManagerSocket(`${service.path}/notify`).read();
    await service.start({ ...options, env: { NOTIFY_SOCKET: manager.address } });
    await manager.lines.next(/^READY=1/);
    manager.pause();
    manager.fill();
    service.deploy(answering("v2"));
    await service.reload();
    service.deploy("exit 1");
    await service.reload();
    expect(await service.ask()).toBe("v2 from generation 2");
    expect(complaints(service)).toEqual([
      `zerodown: NOTIFY_SOCKET=${manager.address} is full: what is to be said waits until systemd reads`,
    ]);

    manager.read();
    await manager.lines.next(/Reload failed/);
    expect(states(manager)).toEqual(["READY", "RELOADING", "READY", "RELOADING", "READY"]);
    service.deploy(answering("v4"));
    await service.reload();
    await manager.lines.next(/^STATUS=Generation 4 \(pid \d+\) serving$/);
    await service.expectOnly(4, "v4");
  });

  test("states survive a flood of STATUS while NOTIFY_SOCKET is full", async () => {
    const service = new TestService();
    const manager = new ManagerSocket(`${service.path}/notify`);
    manager.fill();
    const statuses = "for i in $(seq 200); do systemd-notify --status=$i; done";
    const program = `systemd-notify --ready; ${statuses}; touch "\${0%/*}/done"; ${answering("v1")}`;
    await service.start({ ...options, program, env: { NOTIFY_SOCKET: manager.address } });
    expect(readdirSync(service.path)).toContain("done");
    manager.read();
    await manager.lines.next(/serving: 200$/);
    expect(states(manager)).toEqual(["READY"]);
  });

  test("what can't be said for want of descriptors is said later, in order", async () => {
    const service = new TestService();
    const manager = new ManagerSocket(`${service.path}/notify`).read();
    await service.start({ ...options, env: { NOTIFY_SOCKET: manager.address } });
    await manager.lines.next(/^READY=1/);
    const { pid } = service.supervisor;
    const restore = limit(pid, "nofile", nextFds(pid)[0]!);
    expect(await service.reload()).toMatch(/^reload failed .* EMFILE: /);
    restore();
    await service.expectRecovery(3);
    await manager.lines.next(/^STATUS=Generation 3 \(pid \d+\) serving$/);
    expect(states(manager)).toEqual(["READY", "RELOADING", "READY", "RELOADING", "READY"]);
    expect(complaints(service)).toHaveLength(1);
  });
});
