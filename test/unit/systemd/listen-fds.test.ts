// Receiving sockets as from systemd, with real descriptors in the real command: what it takes, and each error of
// docs/contracts.md 2, before any child starts.

import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { native, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM } from "../../../src/native/index.js";
import { APPS, ZERODOWN } from "../../support/supervisor.js";

const EX_CONFIG = 78;
const CHILD = ["--ready", "exec", "--", "sh", `${APPS}listen-fds.sh`];
const GOT_NONE = /^none {2}-\d+\n$/;

const name = (number: number) => `@zerodown-listen-fds-${process.pid}-${number}`;
const open: number[] = [];
const keep = (fd: number) => {
  open.push(fd);
  return fd;
};
const listening = (number = 1) => keep(native.bindUnix(SOCK_STREAM, name(number)));
/** A client's connection, as its server has it. */
const accepted = (type = SOCK_STREAM) => {
  const listener = keep(native.bindUnix(type, name(9)));
  keep(native.connectUnix(type, name(9)));
  return keep(native.accept(listener)!.fd);
};

afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
});

interface Result {
  status: number | null;
  stdout: string;
  stderr: string[];
}

/** Runs the command with these descriptors as 3, 4, …. LISTEN_PID is its own, or `pid`. */
function run(variables: NodeJS.ProcessEnv, fds: number[], pid?: string, args = CHILD): Result {
  const command = [ZERODOWN, "run", ...args];
  const [file, ...rest] = pid === undefined ? [`${APPS}listen-pid.py`, ...command] : command;
  const { status, stdout, stderr } = spawnSync(file!, rest, {
    env: { PATH: process.env.PATH, ...(pid ? { LISTEN_PID: pid } : {}), ...variables },
    stdio: ["ignore", "pipe", "pipe", ...fds],
    encoding: "utf8",
  });
  return { status, stdout, stderr: stderr.split("\n").slice(0, -1) };
}

function expectRefused({ status, stdout, stderr }: Result, line: string | RegExp): void {
  expect(stderr).toEqual([typeof line === "string" ? `zerodown: ${line}` : expect.stringMatching(line)]);
  expect(status).toBe(EX_CONFIG);
  expect(stdout).toBe("");
}

describe("is refused with one line, before any child starts:", () => {
  test.each(["x", "", "-1", "1.5", " 1", "0x1", "1e0", "2147483645", "99999999999999999999"])(
    "LISTEN_FDS=%j, which isn't a number of descriptors",
    count => {
      expectRefused(
        run({ LISTEN_FDS: count }, [listening()]),
        `LISTEN_FDS="${count}" isn't a number: whatever started zerodown must set it as sd_listen_fds(3) says`,
      );
    },
  );

  test.each(["12x", "-1", "self"])("LISTEN_PID=%j, which isn't a pid", pid => {
    expectRefused(
      run({ LISTEN_FDS: "1" }, [listening()], pid),
      `LISTEN_PID="${pid}" isn't a number: whatever started zerodown must set it as sd_listen_fds(3) says`,
    );
  });

  test.each([
    [1, 0],
    [2, 1],
    [5, 1],
    [4, 2],
    [2147483644, 1],
  ])("LISTEN_FDS=%d, where %d are open", (count, opened) => {
    const fds = Array.from({ length: opened }, (_, index) => listening(index));
    expectRefused(
      run({ LISTEN_FDS: String(count) }, fds),
      `LISTEN_FDS=${count} promises descriptors 3 to ${2 + count}, but ${3 + opened} is not open`,
    );
  });

  test.each([
    ["web", 2, 1],
    ["web:admin", 1, 2],
    ["web:", 1, 2],
    ["", 1, 0],
  ])("LISTEN_FDNAMES=%j for %d descriptors", (names, count, named) => {
    const fds = Array.from({ length: count }, (_, index) => listening(index));
    expectRefused(
      run({ LISTEN_FDS: String(count), LISTEN_FDNAMES: names }, fds),
      `LISTEN_FDNAMES="${names}" has ${named} names for the ${count} of LISTEN_FDS`,
    );
  });

  test.each([
    ["connection", SOCK_STREAM],
    ["any", SOCK_STREAM],
    ["any", SOCK_SEQPACKET],
  ])("one client's connection, from a .socket unit with Accept=yes: %s, type %i", (fdName, type) => {
    expectRefused(
      run({ LISTEN_FDS: "1", LISTEN_FDNAMES: fdName }, [accepted(type)]),
      "descriptor 3 is one client's connection: the .socket unit has Accept=yes. Set Accept=no, " +
        "which passes the listening socket",
    );
  });
});

describe("is taken:", () => {
  test("every descriptor in its order, by its name", () => {
    const fds = [listening(1), keep(native.bindUnix(SOCK_DGRAM, name(2))), keep(openSync("/dev/null", "r"))];
    const { status, stdout, stderr } = run({ LISTEN_FDS: "3", LISTEN_FDNAMES: "web:log:null" }, fds);
    expect(stderr[0]).toBe(`zerodown: sockets: web (stream ${name(1)}), log (datagram ${name(2)}), null (/dev/null)`);
    expect(stdout).toBe("3 web:log:null 0\n");
    expect(status).toBe(0);
  });

  test("a descriptor without a name, as unknown", () => {
    const { stdout, stderr } = run({ LISTEN_FDS: "1" }, [listening()]);
    expect(stderr[0]).toBe(`zerodown: sockets: stream ${name(1)}`);
    expect(stdout).toBe("1 unknown 0\n");
  });

  test("a listening socket that happens to be named connection", () => {
    expect(run({ LISTEN_FDS: "1", LISTEN_FDNAMES: "connection" }, [listening()]).stdout).toBe("1 connection 0\n");
  });

  test("a connection that no client began: OpenFile= of the unit did", () => {
    listening();
    const connection = keep(native.connectUnix(SOCK_STREAM, name(1)));
    expect(run({ LISTEN_FDS: "1", LISTEN_FDNAMES: "log" }, [connection]).stdout).toBe("1 log 0\n");
  });

  test("a client's connection that was stored, by zerodown or, beside a socket, by an app before it", () => {
    const connection = accepted();
    expect(run({ LISTEN_FDS: "1", LISTEN_FDNAMES: "zd-client" }, [connection]).stdout).toBe("1 client 0\n");
    const fds = [listening(1), connection];
    expect(run({ LISTEN_FDS: "2", LISTEN_FDNAMES: "web:client" }, fds).stdout).toBe("2 web:client 0\n");
  });

  test("nothing, where LISTEN_FDS=0", () => {
    expect(run({ LISTEN_FDS: "0", LISTEN_FDNAMES: "" }, []).stdout).toMatch(GOT_NONE);
  });

  test("sockets with our own LISTEN_PIDFDID", () => {
    expect(run({ LISTEN_FDS: "1", LISTEN_PIDFDID: "own" }, [listening()]).stdout).toBe("1 unknown 0\n");
  });

  test("LISTEN_FDS first, --listen after it", () => {
    const { stdout } = run({ LISTEN_FDS: "1", LISTEN_FDNAMES: "web" }, [listening(1)], undefined, [
      "--listen",
      `more=${name(2)}`,
      ...CHILD,
    ]);
    expect(stdout).toBe("2 web:more 0\n");
  });
});

describe("is left alone, with a line that says why:", () => {
  test("sockets for another process: both pids are named, and the usual cause", () => {
    const { status, stdout, stderr } = run({ LISTEN_FDS: "1" }, [listening()], "1");
    expect(stderr[0]).toMatch(
      /^zerodown: the sockets are for pid 1 \(LISTEN_PID\), but this is pid \d+: none are used\. Usually npm, npx or a shell stands between, and ran this without exec: name the program itself in ExecStart=$/,
    );
    expect(stdout).toMatch(GOT_NONE);
    expect(status).toBe(0);
  });

  test("LISTEN_FDS without LISTEN_PID", () => {
    const { stdout, stderr } = run({ LISTEN_FDS: "1" }, [listening()], "");
    expect(stderr[0]).toBe(
      "zerodown: LISTEN_FDS=1 is set, but LISTEN_PID is not: it is taken for a leftover, no sockets are used",
    );
    expect(stdout).toMatch(GOT_NONE);
  });

  // Kernels before 6.9 have nothing to compare it with.
  const isKnown = native.pidfdId(process.pid) !== "";
  test(`sockets for an earlier process of our pid (LISTEN_PIDFDID)${isKnown ? "" : ", but on this kernel"}`, () => {
    const { stdout, stderr } = run({ LISTEN_FDS: "1", LISTEN_PIDFDID: "1" }, [listening()]);
    if (isKnown) expect(stderr[0]).toMatch(/the sockets are for an earlier process of pid \d+ \(LISTEN_PIDFDID\)/);
    expect(stdout).toMatch(isKnown ? GOT_NONE : /^1 unknown 0\n$/);
  });
});
