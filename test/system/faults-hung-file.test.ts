// A file system whose server doesn't answer, as NFS and FUSE have it: what asks for a file there waits, and can't be killed.

import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { native, SOCK_DGRAM } from "../../src/native/index.js";
import { eventually } from "../support/eventually.js";
import { readable } from "../support/native.js";
import { answering, endServices, TestService } from "../support/service.js";
import { APPS, temporaryDirectory } from "../support/supervisor.js";
import { TestProcess } from "../support/test-process.js";

/** Ends what waits for them, the supervisor too: so they go first. */
const servers: TestProcess[] = [];
const opened: number[] = [];
afterEach(async () => {
  for (const server of servers) server.signal("SIGKILL");
  for (const fd of opened.splice(0)) native.closeAside(fd);
  await Promise.all(servers.splice(0).map(({ ended }) => ended));
  await endServices();
});

/** Descriptors of a file on a file system that hangs from then on, and where that is mounted. */
async function hang(count: number): Promise<{ fds: number[]; mount: string }> {
  const directory = temporaryDirectory();
  mkdirSync(`${directory.path}/mount`);
  const server = new TestProcess("/usr/bin/python3", [`${APPS}hung-fuse.py`, `${directory.path}/mount`]);
  servers.push(server);
  await server.output.next(/^mounted/);
  const fds = Array.from({ length: count }, () => openSync(`${directory.path}/mount/file`, "r"));
  opened.push(...fds);
  server.signal("SIGUSR1");
  await server.output.next(/^hung/);
  return { fds, mount: `${directory.path}/mount` };
}

async function hungFiles(count: number): Promise<number[]> {
  return (await hang(count)).fds;
}

/** Says why where a machine can't have such a file system. */
function canHang(): boolean {
  if (existsSync("/dev/fuse")) return true;
  console.log("left out: this machine has no /dev/fuse");
  return false;
}

/** Resolves when the supervisor has processed it. */
async function notify(service: TestService, text: string, fds: readonly number[] = []): Promise<void> {
  const fd = native.connectUnix(SOCK_DGRAM, service.notifySocket(1));
  native.send(fd, text, fds);
  const [reader, writer] = native.pipe();
  native.send(fd, "BARRIER=1", [writer]);
  closeSync(writer);
  await readable(reader);
  closeSync(reader);
  closeSync(fd);
}

/** How many of these a process has open: a child that is started meanwhile would have them, too. */
function heldBy(pid: number): number {
  const links = readdirSync(`/proc/${pid}/fd`).map(fd => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return links.filter(link => link.endsWith("/mount/file")).length;
}

test("a descriptor that hangs and is only sent keeps nobody from a reload", async () => {
  if (!canHang()) return;
  const service = await new TestService().start({ args: ["--fdstore-max", "9"] });
  await notify(service, "STATUS=here", await hungFiles(3));
  await eventually(() => expect(heldBy(service.supervisor.pid)).toBe(0));
  service.deploy(answering("v2"));
  expect(await service.reload()).toMatch(/^generation 2 .* serving: ready/);
  servers[0]!.signal("SIGKILL");
  await service.expectRecovery(3);
});

test("one that is stored, and removed again, doesn't keep the supervisor from hearing its generation", async () => {
  if (!canHang()) return;
  const service = await new TestService().start({ args: ["--fdstore-max", "200"] });
  // Each is answered by a BARRIER=1 behind it.
  await notify(service, "FDSTORE=1\nFDNAME=file", await hungFiles(120));
  await notify(service, "FDSTOREREMOVE=1\nFDNAME=file");
  await notify(service, "STATUS=still there");
  expect(await service.ask()).toBe("v1 from generation 1");
  expect(service.threads()).toBeLessThanOrEqual(service.threadsBefore + 8);
  servers[0]!.signal("SIGKILL");
  await service.expectRecovery(2);
});

test("a remembered release that hangs keeps nothing from a start that doesn't need it", async () => {
  if (!canHang()) return;
  const service = new TestService();
  const state = `${service.path}/state`;
  const file = `${state}/zerodown-last-release.json`;
  mkdirSync(state);
  const env = { STATE_DIRECTORY: state };
  await service.start({ env });
  await service.supervisor.stop();
  const { mount } = await hang(0);
  const program = { path: `${mount}/there/app`, real: `${mount}/there/app` };
  const { release, ...rest } = JSON.parse(readFileSync(file, "utf8"));
  const gone = { ...release, directory: `${mount}/there`, executable: program };
  writeFileSync(file, JSON.stringify({ ...rest, release: gone }));
  await service.launch({ env }).serving(1);
  expect(await service.ask()).toBe("v1 from generation 1");
});
