// The fd store, with descriptors of this process, and a list in the place of systemd.

import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { native, SOCK_DGRAM } from "../../../src/native/index.js";
import { eventually } from "../../support/eventually.js";
import { add, changes, connected, makeStore, names, opened, outer, pipe, problems } from "../../support/fd-stores.js";
import { leftovers } from "../../support/native.js";

test("what is stored is a copy, in the order it came, and systemd gets it too", () => {
  const store = makeStore();
  const [reader, writer] = pipe();
  add(store, [writer], "b", false);
  add(store, [reader], "a");
  expect(names(store)).toEqual(["b", "a"]);
  expect(store.fds.map(({ fd }) => fd)).not.toContain(writer);
  expect(native.sameFile(store.fds[0]!.fd, writer)).toBe(true);
  expect(outer).toEqual(["store zd-b pipe:[N] FDPOLL=0", "store zd+a pipe:[N]"]);
  expect(changes).toEqual(['"b" stored, 1 of 10', '"a" stored, 2 of 10']);
  store.remove("a");
  store.remove("b");
});

test("what is stored already is left out, under whatever name and number it comes again", () => {
  const store = makeStore();
  const [reader] = pipe();
  const copy = native.duplicate(reader);
  opened.push(copy);
  add(store, [reader, copy, reader], "a");
  add(store, [copy], "b");
  expect(names(store)).toEqual(["a"]);
  expect(problems).toEqual([]);
  store.remove("a");
});

test("several may have one name, and are removed together", () => {
  const store = makeStore();
  const left = leftovers();
  add(store, pipe(), "pair");
  add(store, [pipe()[0]], "pair", false);
  add(store, [pipe()[0]], "other");
  store.remove("pair");
  store.remove("nothing");
  expect(names(store)).toEqual(["other"]);
  expect(outer.slice(-2)).toEqual(["remove zd+pair", "remove zd-pair"]);
  store.remove("other");
  expect(left().fds).toHaveLength(opened.length);
});

test("when it is full it takes no more, says so, and keeps what it has", () => {
  const store = makeStore(2);
  const [a, b] = pipe();
  const [c] = pipe();
  add(store, [a, b, c], "x");
  expect(names(store)).toEqual(["x", "x"]);
  expect(problems).toEqual(["not all is stored: the store is full (--fdstore-max 2)"]);
  // A descriptor that the store has already is not a problem.
  add(store, [a, b], "x");
  expect(problems).toHaveLength(1);
  store.remove("x");
  add(store, [c], "y");
  expect(names(store)).toEqual(["y"]);
  store.remove("y");
});

test("of no size it stores nothing, and says what would change that", () => {
  const store = makeStore(0);
  add(store, [pipe()[0]]);
  expect([names(store), problems, outer]).toEqual([
    [],
    ["nothing is stored: --fdstore-max, else $FDSTORE, says how much may be"],
    [],
  ]);
});

test("an epoll instance is refused: as LISTEN_FDS it would keep the next supervisor from starting", () => {
  const store = makeStore();
  const alarm = native.alarm(pipe()[0]);
  opened.push(alarm);
  const [reader] = pipe();
  add(store, [alarm, reader], "mixed");
  expect(store.fds).toHaveLength(1);
  expect(problems).toEqual(['"mixed" is not stored: an epoll instance can\'t be passed on']);
  store.remove("mixed");
});

test("a descriptor that isn't one is told, and the others are stored", () => {
  const store = makeStore();
  const [reader] = pipe();
  add(store, [9999, reader], "a");
  expect(names(store)).toEqual(["a"]);
  expect(problems).toEqual([expect.stringMatching(/^"a" is not stored: EBADF/)]);
  store.remove("a");
});

test("a name too long with zerodown's prefix is kept, but not by systemd, and that is told", () => {
  const store = makeStore();
  const name = "n".repeat(255);
  add(store, [pipe()[0]], name);
  expect([names(store), outer]).toEqual([[name], []]);
  expect(problems).toEqual([`"${name}" is not stored by systemd, too: with zerodown's prefix its name is too long`]);
  store.remove(name);
});

describe("a connection that hangs up", () => {
  test("is dropped, and nothing else of its name; systemd notices by itself", async () => {
    const store = makeStore();
    const [first, second] = [connected(), connected()];
    add(store, [first.server, second.server], "client");
    outer.length = 0;
    first.hangUp();
    await eventually(() => expect(store.fds).toHaveLength(1));
    expect(native.sameFile(store.fds[0]!.fd, second.server)).toBe(true);
    expect([outer, changes.at(-1)]).toEqual([[], '"client" hung up, dropped, 1 of 10']);
    second.hangUp();
    await eventually(() => expect(store.fds).toHaveLength(0));
    // Now there is none of that name.
    expect(outer).toEqual(["lost zd+client"]);
  });

  test("is kept with FDPOLL=0", async () => {
    const store = makeStore();
    const [kept, dropped] = [connected(), connected()];
    add(store, [kept.server], "kept", false);
    add(store, [dropped.server], "dropped");
    kept.hangUp();
    dropped.hangUp();
    await eventually(() => expect(names(store)).toEqual(["kept"]));
    store.remove("kept");
  });
});

test("files, which never hang up, are stored as well", () => {
  const store = makeStore();
  const fd = openSync("/dev/null", "r");
  const file = openSync(process.execPath, "r");
  opened.push(fd, file);
  add(store, [fd, file], "file");
  expect([names(store), problems]).toEqual([["file", "file"], []]);
  store.remove("file");
});

describe("what systemd passes to the next supervisor", () => {
  test("is told from the sockets by its name, and has the name that it had", () => {
    const store = makeStore();
    const [a, b] = native.pipe();
    const [c, d] = pipe();
    const passed = [
      { fd: c, name: "web" },
      { fd: d, name: "web" },
      { fd: b, name: "zd-second" },
      { fd: a, name: "zd+a.b" },
    ];
    expect(store.adopt(passed)).toEqual(passed.slice(0, 2));
    expect(store.fds.map(({ fd, name }) => [fd, name])).toEqual([
      [b, "second"],
      [a, "a.b"],
    ]);
    expect(outer).toEqual(["has zd-second", "has zd+a.b"]);
    add(store, [a, b], "again");
    expect(store.fds).toHaveLength(2);
    store.remove("a.b");
    store.remove("second");
    expect(outer.slice(2)).toEqual(["remove zd+a.b", "remove zd-second"]);
  });

  test("is watched as before", async () => {
    const store = makeStore();
    const { server, hangUp } = connected();
    store.adopt([{ fd: native.duplicate(server), name: "zd+client" }]);
    hangUp();
    await eventually(() => expect(store.fds).toEqual([]));
  });

  test("may be more than the store holds now: it is kept", () => {
    const store = makeStore(0);
    const [a, b] = native.pipe();
    store.adopt([
      { fd: a, name: "zd-a" },
      { fd: b, name: "zd-b" },
    ]);
    expect(names(store)).toEqual(["a", "b"]);
    store.remove("a");
    store.remove("b");
  });
});

test("the sockets, which every generation gets anyway, are not stored", () => {
  const store = makeStore();
  const [reader, writer] = pipe();
  store.leaveOut([{ fd: reader, name: "web" }]);
  add(store, [reader, writer], "new");
  expect(store.fds).toHaveLength(1);
  expect(native.sameFile(store.fds[0]!.fd, writer)).toBe(true);
  store.remove("new");
});

test("it never holds more than one variable can name: the next start would fail", () => {
  const store = makeStore(5000);
  const long = "n".repeat(240);
  for (let count = 0; count < 450; count++) {
    const ends = native.pipe();
    add(store, ends.slice(0, 1), `${long}${count}`);
    for (const fd of ends) closeSync(fd);
  }
  expect(names(store).join(":").length).toBeLessThan(100_000);
  expect(problems[0]).toBe("not all is stored: with more names LISTEN_FDNAMES would be longer than the kernel allows");
  for (const name of names(store)) store.remove(name);
});

test("it holds no more than leaves descriptors for the supervisor", () => {
  const store = makeStore(0x7fffffff);
  const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))!;
  expect(changes).toEqual([
    `it holds ${Math.floor((Number(limit) - 100) / 2)}, not ${0x7fffffff}, for want of descriptors (LimitNOFILE=)`,
  ]);
  expect(store.fds).toEqual([]);
});

test("closing what blocks doesn't block: a socket that lingers, with data that nobody takes", async () => {
  const store = makeStore();
  const left = leftovers();
  const before = performance.now();
  // The peer reads nothing, and SO_LINGER makes close(2) wait for it.
  const program = `import socket, struct, sys, os, array
l = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(l.getsockname()); s, _ = l.accept()
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 30)); s.setblocking(False)
try:
    while True: s.send(b"x" * 65536)
except BlockingIOError: pass
u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); u.connect("\\0" + sys.argv[1])
socket.send_fds(u, [b"x"], [s.fileno()]); s.close(); sys.stdout.write("sent"); sys.stdout.flush(); sys.stdin.read()`;
  const name = `@zerodown-test-${process.pid}-${Math.random()}`;
  const receiver = native.bindUnix(SOCK_DGRAM, name);
  opened.push(receiver);
  const other = spawnSync("/usr/bin/python3", ["-c", program, name.slice(1)], { input: "" });
  expect(other.stdout.toString()).toBe("sent");
  const { fds } = native.receive(receiver)!;
  add(store, fds, "lingers");
  for (const fd of fds) native.closeAside(fd);
  store.remove("lingers");
  expect(performance.now() - before).toBeLessThan(5000);
  // The receiver is the test's; what is closed aside goes with the peer.
  await eventually(() => expect(left().fds).toHaveLength(1));
});

test("a burst of 1,000 leaves what fits, and no other descriptor open", () => {
  const store = makeStore(3);
  const left = leftovers();
  for (let count = 0; count < 1000; count++) {
    const ends = native.pipe();
    add(store, ends, `name-${count}`);
    for (const fd of ends) closeSync(fd);
  }
  expect(store.fds).toHaveLength(3);
  for (const name of new Set(names(store))) store.remove(name);
  expect(left().fds).toEqual([]);
});

test("what a store has saved another one passes on, in the same order, watched as before", async () => {
  const first = makeStore();
  const { server, hangUp } = connected();
  const [reader] = pipe();
  add(first, [server], "connection");
  add(first, [reader], "pipe", false);
  const saved = JSON.stringify(first.save().map(({ fd, name }) => ({ fd: native.duplicate(fd), name })));
  for (const name of names(first)) first.remove(name);
  outer.length = 0;
  const second = makeStore();
  expect(second.adopt(JSON.parse(saved))).toEqual([]);
  expect(outer).toEqual(["has zd+connection", "has zd-pipe"]);
  expect(names(second)).toEqual(["connection", "pipe"]);
  expect(second.fds.map(({ fd }, index) => native.sameFile(fd, [server, reader][index]!))).toEqual([true, true]);
  // What it has is not stored once more.
  add(second, [server, reader]);
  hangUp();
  await eventually(() => expect(names(second)).toEqual(["pipe"]));
  second.remove("pipe");
});
