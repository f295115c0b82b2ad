// zerodown/systemd-socket tells what was passed to this process, and what a descriptor is.

import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, describe, expect, test } from "@jest/globals";
import { isFifo, isSocket, isSocketInet, isSocketUnix } from "../../../src/library/systemd-socket.js";
import { AF_INET, AF_INET6, native, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM } from "../../../src/native/index.js";
import { APPS, ROOT } from "../../support/supervisor.js";

const open: number[] = [];
const keep = (fd: number) => {
  open.push(fd);
  return fd;
};

afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
});

const null_ = () => keep(openSync("/dev/null", "r"));

/** Passes these descriptors to a program, and returns what it prints. */
function run(program: string, fds: number[], variables: NodeJS.ProcessEnv): string {
  const prelude = 'import { listenFds, listenFdsWithNames } from "zerodown/systemd-socket";\n';
  // Only the process itself knows its LISTEN_PID.
  const start = variables.LISTEN_PID === undefined ? [`${APPS}listen-pid.py`] : [];
  const [file, ...args] = [...start, process.execPath, "--input-type=module", "--eval", prelude + program];
  const { stdout, stderr } = spawnSync(file!, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...variables },
    stdio: ["ignore", "pipe", "pipe", ...fds],
    encoding: "utf8",
  });
  return (stdout + stderr).trim();
}

describe("listenFds()", () => {
  const LIST = "console.log(JSON.stringify(listenFds()));";

  test("tells descriptors and names, in their order", () => {
    expect(run(LIST, [null_(), null_()], { LISTEN_FDS: "2", LISTEN_FDNAMES: "b:a" })).toBe(
      '[{"fd":3,"name":"b"},{"fd":4,"name":"a"}]',
    );
  });

  test("calls those without a name unknown", () => {
    expect(run(LIST, [null_()], { LISTEN_FDS: "1" })).toBe('[{"fd":3,"name":"unknown"}]');
  });

  test("is empty where none were passed, or none to this process", () => {
    expect(run(LIST, [], {})).toBe("[]");
    expect(run(LIST, [null_()], { LISTEN_FDS: "1", LISTEN_PID: "1" })).toBe("[]");
  });

  test("is empty for a process that only has the pid of the one they were passed to (LISTEN_PIDFDID)", () => {
    expect(run(LIST, [null_()], { LISTEN_FDS: "1", LISTEN_PIDFDID: "1" })).toBe("[]");
  });

  test("throws a ListenFdsError when one of them isn't open", () => {
    expect(run(LIST, [null_()], { LISTEN_FDS: "2" })).toContain(
      "ListenFdsError: LISTEN_FDS=2 promises descriptors 3 to 4, but 4 is not open",
    );
  });

  test("leaves them close-on-exec: no child of the app gets them", () => {
    const program = `
      import { execFileSync } from "node:child_process";
      listenFds();
      console.log(execFileSync("sh", ["-c", "[ -e /dev/fd/3 ] && echo open || echo closed"]).toString());`;
    expect(run(program, [null_()], { LISTEN_FDS: "1" })).toBe("closed");
  });

  test("with unsetEnvironment no child and no later call sees them; without it both do", () => {
    const program = (options: string) => `
      import { execFileSync } from "node:child_process";
      const first = listenFds(${options}).length;
      console.log(first, listenFds().length, execFileSync("sh", ["-c", "env | grep -c ^LISTEN_ || :"]).toString());`;
    const variables = { LISTEN_FDS: "1", LISTEN_FDNAMES: "a" };
    expect(run(program("{ unsetEnvironment: true }"), [null_()], variables)).toBe("1 0 0");
    expect(run(program(""), [null_()], variables)).toBe("1 1 3");
  });
});

test("listenFdsWithNames() groups them, whatever the names are", () => {
  const program = "console.log(JSON.stringify(Object.entries(listenFdsWithNames())));";
  const variables = { LISTEN_FDS: "3", LISTEN_FDNAMES: "web:__proto__:web" };
  expect(run(program, [null_(), null_(), null_()], variables)).toBe('[["web",[3,5]],["__proto__",[4]]]');
});

describe("what a descriptor is:", () => {
  const name = `@zerodown-systemd-socket-${process.pid}`;

  test("isSocket() goes by what it is asked for", () => {
    const fd = keep(native.bindUnix(SOCK_STREAM, name));
    expect(isSocket(fd)).toBe(true);
    expect(isSocket(fd, { family: "unix", type: "stream", listening: true })).toBe(true);
    expect(isSocket(fd, { listening: false })).toBe(false);
    expect(isSocket(fd, { type: "datagram" })).toBe(false);
    expect(isSocket(fd, { family: "inet" })).toBe(false);
    expect(isSocket(null_())).toBe(false);
  });

  test("isSocketInet() takes IPv4 and IPv6, and a port", () => {
    for (const [family, host] of [
      [AF_INET, "127.0.0.1"],
      [AF_INET6, "::1"],
    ] as const) {
      const fd = keep(native.bindInet(SOCK_STREAM, family, host, "", 0, false));
      const { port } = native.describeSocket(fd)!;
      expect(isSocketInet(fd)).toBe(true);
      expect(isSocketInet(fd, { type: "stream", listening: true, port: port! })).toBe(true);
      expect(isSocketInet(fd, { port: port! + 1 })).toBe(false);
      expect(isSocketInet(fd, { type: "datagram" })).toBe(false);
      expect(isSocketUnix(fd)).toBe(false);
    }
    expect(isSocketInet(keep(native.bindUnix(SOCK_STREAM, name)))).toBe(false);
  });

  test("isSocketUnix() takes a path, or an abstract name", () => {
    const path = `${tmpdir()}/zerodown-systemd-socket-${process.pid}`;
    for (const [address, type] of [
      [path, SOCK_SEQPACKET],
      [name, SOCK_DGRAM],
    ] as const) {
      const fd = keep(native.bindUnix(type, address));
      expect(isSocketUnix(fd, { path: address })).toBe(true);
      expect(isSocketUnix(fd, { path: `${address}x` })).toBe(false);
      expect(isSocketUnix(fd, { type: "seqpacket", path: address })).toBe(type === SOCK_SEQPACKET);
    }
    rmSync(path);
  });

  test("isFifo()", () => {
    const path = `${tmpdir()}/zerodown-fifo-${process.pid}`;
    execFileSync("mkfifo", [path]);
    const fd = keep(openSync(path, "r+"));
    rmSync(path);
    expect(isFifo(fd)).toBe(true);
    expect(isSocket(fd)).toBe(false);
    expect(isFifo(null_())).toBe(false);
  });

  test.each([isSocket, isSocketInet, isSocketUnix, isFifo])("$name() of what isn't open is EBADF", what => {
    expect(() => what(999_999)).toThrow(expect.objectContaining({ code: "EBADF" }));
  });
});
