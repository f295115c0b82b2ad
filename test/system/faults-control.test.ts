// Somebody attacks the supervisor's sockets: a hostile generation, which is of its own user and so may use the control
// socket, and another user. And descriptors run out.

import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { controlPath, reloadBy, statusOf } from "../support/control.js";
import { eventually } from "../support/eventually.js";
import { PYTHON } from "../support/native.js";
import { limit, nextFds } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";

afterEach(endServices);

/** Holds as many connections as there may be, asks for nothing, and says so. */
const HOARDER = `import os, socket, time
path = os.path.dirname(os.environ["NOTIFY_SOCKET"]) + "/control"
held = []
while True:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)
    client.connect(path)
    try:
        client.send(b'{"method":"org.varlink.service.GetInfo"}\\0')
        if not client.recv(65536): break
    except OSError: break
    held.append(client)
print("holds", len(held), flush=True)
time.sleep(1000)
`;

test("one that holds all of its connections keeps nobody from a reload by signal, which ends that, nor from a stop", async () => {
  const service = await new TestService().start();
  service.write("hoarder.py", HOARDER);
  service.deploy(`${PYTHON} -IS "\${0%/*}/hoarder.py" & ${answering("v2")}`);
  await service.reload();
  expect(await service.supervisor.output.next(/^holds/)).toBe("holds 16");
  await expect(statusOf(service.supervisor)).rejects.toThrow();
  expect(await service.ask()).toBe("v2 from generation 2");

  service.deploy(answering("v3"));
  expect(await service.reload()).toMatch(/^generation 3 .* serving/);
  await eventually(() => statusOf(service.supervisor));
  expect((await reloadBy(service.supervisor)).generation).toBe(4);

  service.deploy(`${PYTHON} -IS "\${0%/*}/hoarder.py" & ${answering("v5")}`);
  const from = service.supervisor.output.count;
  await service.reload();
  await service.supervisor.output.next(/^holds/, from);
  expect(await service.supervisor.stop()).toEqual({ status: 0, signal: null });
});

test("another user reaches neither the control socket nor a notify socket", async () => {
  const service = await new TestService().start();
  const connect = (type: string, path: string) =>
    spawnSync(
      "setpriv",
      ["--reuid=61234", "--regid=61234", "--clear-groups", PYTHON, "-ISc"].concat(
        `import socket; socket.socket(socket.AF_UNIX, socket.${type}).connect("${path}")`,
      ),
      { encoding: "utf8" },
    ).stderr;
  // Each alone would be enough.
  expect(statSync(dirname(controlPath(service.supervisor))).mode & 0o777).toBe(0o700);
  for (const path of [controlPath(service.supervisor), service.notifySocket(1)]) {
    expect(statSync(path).mode & 0o777).toBe(0o600);
  }
  expect(connect("SOCK_STREAM", controlPath(service.supervisor))).toContain("PermissionError");
  expect(connect("SOCK_DGRAM", service.notifySocket(1))).toContain("PermissionError");
  expect(connect("SOCK_STREAM", service.address)).toBe("");
});

test("without descriptors for clients (EMFILE) they wait, and are answered once there are some", async () => {
  const service = await new TestService().start();
  const { pid, log } = service.supervisor;
  const restore = limit(pid, "nofile", nextFds(pid)[0]!);
  const status = statusOf(service.supervisor);
  await log.next(/the control socket can't accept: EMFILE: /);
  expect(await service.ask()).toBe("v1 from generation 1");
  restore();
  expect((await status).generations).toHaveLength(1);
});
