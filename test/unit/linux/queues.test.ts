// Which sockets are the accept queues of one address, and which of them a slot gets.

import { closeSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { parseListen, type SocketType } from "../../../src/linux/sockets/address.js";
import { bindSocket } from "../../../src/linux/sockets/bind.js";
import { groupQueues, isSameAddress, queueOf, socketsOf } from "../../../src/linux/sockets/queues.js";
import { native } from "../../../src/native/index.js";
import { loopback } from "../../support/http-load.js";
import { thrown } from "../../support/native.js";

const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) closeSync(fd);
});

const { host, port } = loopback();

function bind(text: string, type: SocketType = "stream", reusePort = true): number {
  const fd = bindSocket(parseListen(type, text), { reusePort });
  opened.push(fd);
  return fd;
}

const named = (name: string, ...fds: number[]) => fds.map(fd => ({ fd, name }));

/** Groups by these keys: undefined shares its address with none. */
function group(...keys: (string | undefined)[]): number[][] {
  const sockets = named("web", ...keys.keys());
  return groupQueues(sockets, fd => keys[fd]).map(queues => queues.map(({ fd }) => fd));
}

describe("groupQueues", () => {
  test("puts together what shares an address, in the order of the first of each", () => {
    expect(group("a", undefined, "b", "a", "b", "a")).toEqual([[0, 3, 5], [1], [2, 4]]);
    expect(group()).toEqual([]);
    expect(group(undefined, undefined)).toEqual([[0], [1]]);
  });

  test("keeps other names apart", () => {
    const sockets = [...named("web", 3, 4), ...named("admin", 5)];
    expect(groupQueues(sockets, () => "a")).toEqual([sockets.slice(0, 2), sockets.slice(2)]);
  });

  test("knows real sockets by address, port, type and SO_REUSEPORT", () => {
    const address = `${host}:${port}`;
    const streams = [bind(address), bind(address)];
    const datagrams = [bind(address, "datagram"), bind(address, "datagram")];
    const others = [bind(`${host}:${port + 1}`), bind(`${host}:${port + 2}`, "stream", false)];
    const unix = bind(`@zerodown-queues-${process.pid}`);
    const sockets = named("web", streams[0]!, datagrams[0]!, ...others, unix, streams[1]!, datagrams[1]!);
    const grouped = groupQueues(sockets).map(queues => queues.map(({ fd }) => fd));
    expect(grouped).toEqual([streams, datagrams, ...others.map(fd => [fd]), [unix]]);
  });
});

test("a socket that doesn't share its address keeps others from it", () => {
  bind(`${host}:${port}`, "stream", false);
  expect(thrown(() => bind(`${host}:${port}`))).toMatchObject({ code: "EADDRINUSE" });
});

test("what is said of a socket that may share its address, and of what may not", () => {
  expect(native.reusePort(bind(`${host}:${port}`))).toEqual({ protocol: 6, device: "" });
  expect(native.reusePort(bind(`${host}:${port}`, "datagram"))).toEqual({ protocol: 17, device: "" });
  expect(native.reusePort(bind(`${host}:${port + 1}`, "stream", false))).toBeNull();
  expect(native.reusePort(0)).toBeNull();
  expect(thrown(() => native.reusePort(-1))).toMatchObject({ code: "EBADF", syscall: "getsockopt" });
});

test("a slot gets the queue of its number, and begins again after the last one", () => {
  const addresses = [["a0", "a1", "a2"], ["b"], ["c0", "c1"]];
  expect([0, 1, 2, 3, 4].map(slot => socketsOf(addresses, slot))).toEqual([
    ["a0", "b", "c0"],
    ["a1", "b", "c1"],
    ["a2", "b", "c0"],
    ["a0", "b", "c1"],
    ["a1", "b", "c0"],
  ]);
  expect(queueOf(5, 4)).toBe(1);
});

test.each([
  ["8080", "8080", true],
  ["8080", "[::]:8080", true],
  ["web=8080", "web=8080", true],
  ["web=8080", "8080", false],
  ["web=8080", "admin=8080", false],
  ["8080", "8081", false],
  ["127.0.0.1:0", "127.0.0.1:0", false],
  ["/run/a.sock", "/run/a.sock", false],
])("--listen %s and --listen %s ask for one address: %s", (one, other, same) => {
  expect(isSameAddress(parseListen("stream", one), parseListen("stream", other))).toBe(same);
  expect(isSameAddress(parseListen("stream", one), parseListen("datagram", one))).toBe(false);
});
