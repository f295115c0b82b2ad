// Descriptors and files: what the addon can do with them that Node can't.

import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { afterAll, describe, expect, test } from "@jest/globals";
import { watchAlarm } from "../../../src/native/alarm.js";
import { native, SOCK_STREAM } from "../../../src/native/index.js";
import { ended, isCloseOnExec, leftovers, readable, runNode, spawn, thrown } from "../../support/native.js";
import { temporaryDirectory } from "../../support/supervisor.js";

const directory = temporaryDirectory();
const FILE = `${directory.path}/file`;
writeFileSync(FILE, "");
afterAll(() => directory.remove());

/** Both ends of a connection, by way of a listening socket; that is the third. */
function connection(): [number, number, number] {
  const name = `@zerodown-test-${process.pid}-${Math.random()}`;
  const listener = native.bindUnix(SOCK_STREAM, name);
  const client = native.connectUnix(SOCK_STREAM, name);
  return [client, native.accept(listener)!.fd, listener];
}

function closeAll(...fds: number[]): void {
  for (const fd of fds) closeSync(fd);
}

describe("duplicate", () => {
  test("leads to the same open file, close-on-exec, and never stands where a standard stream does", async () => {
    const fd = openSync(FILE, "r");
    const copy = native.duplicate(fd);
    expect([readlinkSync(`/proc/self/fd/${copy}`), isCloseOnExec(copy), copy > 2]).toEqual([FILE, true, true]);
    closeAll(fd, copy);
    const program = `import { closeSync } from "node:fs"; closeSync(0); process.stdout.write(String(native.duplicate(1)));`;
    const { output } = await runNode(program);
    expect(Number(output)).toBeGreaterThan(2);
  });

  test("of what isn't open is an error", () => {
    expect(thrown(() => native.duplicate(9999))).toMatchObject({ code: "EBADF", syscall: "fcntl" });
  });
});

test("whether an open file blocks can be told and set, for all its descriptors", () => {
  const [reader, writer] = native.pipe();
  const copy = native.duplicate(reader);
  expect(native.isNonBlocking(reader)).toBe(false);
  native.setNonBlocking(copy, true);
  expect([reader, writer].map(native.isNonBlocking)).toEqual([true, false]);
  native.setNonBlocking(reader, false);
  expect(native.isNonBlocking(copy)).toBe(false);
  closeAll(reader, writer, copy);
  expect(thrown(() => native.isNonBlocking(reader))).toMatchObject({ code: "EBADF", syscall: "fcntl" });
  expect(thrown(() => native.setNonBlocking(reader, true))).toMatchObject({ code: "EBADF", syscall: "fcntl" });
});

describe("sameFile", () => {
  test("tells one open file from a file opened twice", () => {
    const [a, b] = [openSync(FILE, "r"), openSync(FILE, "r")];
    const copy = native.duplicate(a);
    expect([native.sameFile(a, copy), native.sameFile(a, a), native.sameFile(a, b)]).toEqual([true, true, false]);
    closeAll(a, b, copy);
  });

  test("tells sockets and what has no inode of its own apart", () => {
    const [client, server, listener] = connection();
    const [reader, writer] = native.pipe();
    expect(native.sameFile(client, server)).toBe(false);
    expect(native.sameFile(reader, writer)).toBe(false);
    closeAll(client, server, listener, reader, writer);
  });

  test("of what isn't open is an error", () => {
    expect(thrown(() => native.sameFile(0, 9999))).toMatchObject({ code: "EBADF", syscall: "kcmp" });
  });
});

describe("alarm", () => {
  test("rings when the other end of a connection is closed, and not when it writes", async () => {
    const [client, server, listener] = connection();
    const alarm = native.alarm(server);
    expect(isCloseOnExec(alarm)).toBe(true);
    native.send(client, "hello", []);
    expect(isReadable(alarm)).toBe(false);
    closeSync(client);
    expect(await readable(alarm)).toBe(0);
    closeAll(alarm, server, listener);
  });

  test("leaves the open file as it is: others may have it to block on", () => {
    const [reader, writer] = native.pipe();
    const flags = () => /^flags:.*$/m.exec(readFileSync(`/proc/self/fdinfo/${reader}`, "utf8"))![0];
    const before = flags();
    watchAlarm(reader, () => {})();
    expect(flags()).toBe(before);
    closeAll(reader, writer);
  });

  test("of a file that can't be polled is an error, and leaves nothing open", () => {
    const fd = openSync(FILE, "r");
    const left = leftovers();
    expect(thrown(() => native.alarm(fd))).toMatchObject({ code: "EPERM", syscall: "epoll_ctl" });
    expect(thrown(() => watchAlarm(fd, () => {}))).toMatchObject({ code: "EPERM" });
    expect(left().fds).toEqual([]);
    closeSync(fd);
  });
});

function isReadable(fd: number): boolean {
  const program = "import os, select, sys; print(len(select.select([3], [], [], 0)[0]))";
  const output = execFileSync("/usr/bin/python3", ["-c", program], { stdio: ["ignore", "pipe", "inherit", fd] });
  return output.toString() === "1\n";
}

/** Sets an attribute of the only kind that every file system here has; it takes root. */
function setXattr(value: string): boolean {
  if (process.getuid!() !== 0) {
    console.log("left out: only root can set an extended attribute of that kind");
    return false;
  }
  const program = "import os, sys; os.setxattr(sys.argv[1], 'trusted.text', sys.argv[2].encode())";
  execFileSync("/usr/bin/python3", ["-c", program, FILE, value]);
  return true;
}

describe("lock", () => {
  test("is had by one open file at a time, of a directory too, and goes with it", () => {
    const [first, second] = [openSync(directory.path, "r"), openSync(directory.path, "r")];
    expect([native.lock(first), native.lock(first), native.lock(second)]).toEqual([true, true, false]);
    closeSync(first);
    expect(native.lock(second)).toBe(true);
    closeSync(second);
  });

  test("of what isn't open is an error", () => {
    expect(thrown(() => native.lock(9999))).toMatchObject({ code: "EBADF", syscall: "flock" });
  });
});

describe("xattr", () => {
  test("is its text; null where there is none, or none of that name", () => {
    expect(native.xattr(FILE, "user.none")).toBeNull();
    expect(native.xattr("/proc/self/status", "user.none")).toBeNull();
    if (setXattr("1")) expect(native.xattr(FILE, "trusted.text")).toBe("1");
  });

  test("of a file that isn't there is an error", () => {
    expect(thrown(() => native.xattr("/none", "user.x"))).toMatchObject({ code: "ENOENT", syscall: "getxattr" });
  });

  test("that is longer than any that matters here is an error, and overruns nothing", () => {
    if (setXattr("x".repeat(1000)))
      expect(thrown(() => native.xattr(FILE, "trusted.text"))).toMatchObject({ code: "ERANGE" });
  });
});

describe("a child in a cgroup of its own", () => {
  test("where that can't be entered there is no child, and the error says which file it was about", () => {
    const left = leftovers();
    const argv = ["/bin/true"];
    const none = "/sys/fs/cgroup/none/cgroup.procs";
    expect(thrown(() => spawn({ argv, cgroup: none }))).toMatchObject({ code: "ENOENT", syscall: "open", path: none });
    const full = "/dev/full";
    expect(thrown(() => spawn({ argv, cgroup: full }))).toMatchObject({ code: "ENOSPC", syscall: "write", path: full });
    expect(left()).toEqual({ fds: [], children: [] });
  });

  test("is in it from its first instruction on", async () => {
    const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
    const parent = `/sys/fs/cgroup${own}`;
    const cgroup = `${parent}/test-${process.pid}`;
    // Where v1 is mounted there, too, it is a directory like any other.
    if (process.getuid!() !== 0 || !existsSync(`${parent}/cgroup.procs`)) {
      console.log("left out: no cgroup of v2 can be made here");
      return;
    }
    mkdirSync(cgroup);
    const file = `${directory.path}/cgroup`;
    const child = spawn({ argv: ["/bin/cp", "/proc/self/cgroup", file], cgroup: `${cgroup}/cgroup.procs` });
    expect(await ended(child)).toEqual({ status: 0, signal: 0 });
    expect(readFileSync(file, "utf8")).toContain(`0::${own}/test-${process.pid}\n`);
    rmdirSync(cgroup);
  });
});
