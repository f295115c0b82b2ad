// Who waits for clients on a socket, told from /proc: the kernel's text, and real programs that wait in each way that there is.

import { closeSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { parseEpoll, parseSyscall, readPoll, readSelect } from "../../../src/linux/accepting/formats.js";
import { listeningSockets, whyUnseen } from "../../../src/linux/accepting/listening.js";
import { descendants, lookForWaiting, type Seen } from "../../../src/linux/accepting/look.js";
import { AF_INET, native, SOCK_DGRAM, SOCK_STREAM } from "../../../src/native/index.js";
import { eventually } from "../../support/eventually.js";
import { ended, PYTHON, readable, spawn } from "../../support/native.js";
import { APPS, ROOT } from "../../support/supervisor.js";

const opened: number[] = [];
const children: { pid: number; pidfd: number }[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    for (const pid of descendants(child.pid)) process.kill(pid, "SIGKILL");
    await ended(child);
  }
  for (const fd of opened.splice(0)) closeSync(fd);
});

function listen(): number {
  const fd = native.bindInet(SOCK_STREAM, AF_INET, "127.0.0.1", "", 0, false);
  opened.push(fd);
  return fd;
}

/** Starts a program that gets the sockets as 3 and up. */
function start(fds: readonly number[], ...argv: readonly string[]): number {
  const environment = [`LISTEN_FDS=${fds.length}`, `PATH=${process.env.PATH}`];
  const child = spawn({ argv, fds, environment });
  children.push(child);
  return child.pid;
}

function look(fds: readonly number[], pid: number): Seen {
  return lookForWaiting(listeningSockets(fds), descendants(pid));
}

/** An event loop is there, and it waits for something. */
function waitsForEvents(pid: number): boolean {
  return readFileSync(`/proc/${pid}/wchan`, "utf8") === "do_epoll_wait";
}

const waits = (way: string) => [PYTHON, "-IS", `${APPS}waits.py`, way];
const NODE = "require('net').createServer().listen({ fd: 3 })";

describe("a program that waits for clients is seen to, and only on the sockets that it waits on", () => {
  test.each([
    ["in accept(2)", waits("accept")],
    ["in accept(2), in a child", waits("fork")],
    ["in poll(2), as for an accept with a timeout", waits("timeout")],
    ["by the event loop of Node", [process.execPath, "-e", NODE]],
  ])("%s", async (_, argv) => {
    const fds = [listen(), listen()];
    const pid = start(fds, ...argv);
    const [first] = listeningSockets(fds);
    await eventually(() => expect([...look(fds, pid).sockets]).toEqual([first]));
  });

  test.each([
    ["in accept(2), each socket in a thread", "threads"],
    ["in select(2)", "select"],
    ["in poll(2)", "poll"],
    ["with epoll(7)", "epoll"],
  ])("%s, on both", async (_, way) => {
    const fds = [listen(), listen()];
    const pid = start(fds, ...waits(way));
    await eventually(() => expect([...look(fds, pid).sockets]).toEqual(listeningSockets(fds)));
  });
});

test.each([
  ["has an event loop without the sockets", "never"],
  ["watches the sockets for errors alone", "errors"],
])("a program that %s isn't", async (_, way) => {
  const fds = [listen()];
  const pid = start(fds, ...waits(way));
  await eventually(() => expect(waitsForEvents(pid)).toBe(true));
  expect(look(fds, pid)).toMatchObject({ sockets: new Set(), hidden: [], obstacles: new Set() });
});

test("of one that accepts by io_uring that is told, and nothing is seen", async () => {
  const fds = [listen()];
  const pid = start(fds, `${ROOT}build/test/apps/uring`);
  const { pidfd } = children.at(-1)!;
  const has = () => [...look(fds, pid).obstacles];
  await eventually(() => expect(has().length > 0 || native.readable(pidfd)).toBe(true));
  if (native.readable(pidfd)) return console.warn("left out: this kernel has no io_uring for us");
  expect(has()).toEqual([`process ${pid} has an io_uring, and /proc doesn't tell what that accepts`]);
  expect(look(fds, pid).sockets.size).toBe(0);
});

test("a process that has ended, and one that never was, wait for nothing and hide nothing", async () => {
  const fds = [listen()];
  const pid = start(fds, "/bin/true");
  await readable(children.at(-1)!.pidfd);
  const nothing = { sockets: new Set(), hidden: [], obstacles: new Set() };
  expect(lookForWaiting(listeningSockets(fds), [pid, 2 ** 22 + 1])).toMatchObject(nothing);
});

test("only sockets that listen are looked at, each once; and of our own it can be seen", () => {
  const fd = listen();
  const again = native.duplicate(fd);
  const datagram = native.bindInet(SOCK_DGRAM, AF_INET, "127.0.0.1", "", 0, false);
  opened.push(again, datagram);
  expect(listeningSockets([fd, again, datagram])).toMatchObject([
    { name: expect.stringMatching(/^stream 127\.0\.0\.1:/) },
  ]);
  expect(whyUnseen(fd)).toBeUndefined();
});

describe("what the kernel writes", () => {
  test("of an epoll instance: files that are watched for something to read", () => {
    const text = `pos:\t0
flags:\t02000002
mnt_id:\t17
ino:\t1038
tfd:       17 events:       19 data:               11  pos:0 ino:40e sdev:10
tfd:       19 events: 80002019 data:               13  pos:0 ino:218c2 sdev:9
tfd:       20 events:       18 data:               14  pos:0 ino:218c3 sdev:9
tfd:       21 events:        0 data:               15  pos:0 ino:218c4 sdev:9
`;
    expect(parseEpoll(text)).toEqual(["40e:10", "218c2:9"]);
  });

  test.each([
    ["x64", "288 0x3 0x7f29301e28f0 0x7f29301e28cc 0x80000 0x0 0x0 0x7f29 0x7f29", { call: "accept", fd: 3 }],
    ["x64", "43 0xffffffff00000007 0x0 0x0 0x0 0x0 0x0 0x7f29 0x7f29", { call: "accept", fd: 7 }],
    ["arm64", "242 0x4 0x0 0x0 0x0 0x0 0x0 0x7f29 0x7f29", { call: "accept", fd: 4 }],
    ["x64", "7 0x10 0x2 0x1388 0x0 0x0 0x0 0x7f 0x7f", { call: "poll", address: 16n, length: 16 }],
    ["arm64", "73 0x10 0x1 0x0 0x0 0x0 0x0 0x7f 0x7f", { call: "poll", address: 16n, length: 8 }],
    [
      "x64",
      "270 0x9 0xfffffffffffff 0x0 0x0 0x0 0x0 0x7f 0x7f",
      { call: "select", address: 0xfffffffffffffn, length: 2 },
    ],
    ["x64", "7 0x10 0xffffffff 0x0 0x0 0x0 0x0 0x7f 0x7f", { call: "poll", address: 16n, length: 65536 }],
    ["x64", "232 0x4 0x211d3ac0 0x3ff 0x1388 0x0 0x0 0x7f 0x7f", undefined],
    ["arm64", "7 0x10 0x2 0x0 0x0 0x0 0x0 0x7f 0x7f", undefined],
    ["s390x", "7 0x10 0x2 0x0 0x0 0x0 0x0 0x7f 0x7f", undefined],
    ["x64", "running\n", undefined],
    ["x64", "-1 0x7ffd 0x7f29", undefined],
    ["x64", "", undefined],
  ])("on %s of a thread in “%s”", (architecture, text, wait) => {
    expect(parseSyscall(text, architecture)).toEqual(wait);
  });

  test("for poll(2) and select(2), in its memory", () => {
    const array = Buffer.alloc(8 * 3 + 5);
    for (const [index, [fd, events]] of [
      [3, 1],
      [4, 4],
      [-1, 0x43],
    ].entries()) {
      array.writeInt32LE(fd!, index * 8);
      array.writeInt16LE(events!, index * 8 + 4);
    }
    expect(readPoll(array)).toEqual([3, -1]);
    expect(readSelect(Buffer.from([0b1000, 0, 0b10000001]))).toEqual([3, 16, 23]);
    expect(readSelect(Buffer.alloc(0))).toEqual([]);
  });
});
