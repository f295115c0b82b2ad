// Making, binding, connecting and describing sockets; and pipes.

import { once } from "node:events";
import { closeSync, existsSync, openSync, readSync, statSync, writeFileSync, writeSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { AF_INET, AF_INET6, native, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM } from "../../../src/native/index.js";
import { askOnce } from "../../support/line-client.js";
import { ended, isCloseOnExec, leftovers, PYTHON, spawn, thrown } from "../../support/native.js";
import { temporaryDirectory } from "../../support/supervisor.js";

const directory = temporaryDirectory();
afterAll(directory.remove);
const { path } = directory;

const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) closeSync(fd);
});

/** Closed when the test ends. */
function keep(fd: number): number {
  opened.push(fd);
  return fd;
}

function abstractName(): string {
  return `@zerodown-test-${process.pid}-${Math.random()}`;
}

/** The socket that Python makes of `code`, described by the addon. */
async function describeFromPython(code: string): Promise<object> {
  const name = abstractName();
  const receiver = keep(native.bindUnix(SOCK_DGRAM, name));
  const program = `import array, socket
${code}
messenger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
messenger.connect("\\0${name.slice(1)}")
messenger.sendmsg([b"X"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])`;
  expect(await ended(spawn({ argv: [PYTHON, "-IS", "-c", program] }))).toEqual({ status: 0, signal: 0 });
  const [fd] = native.receive(receiver)!.fds;
  return native.describeSocket(keep(fd!))!;
}

const TYPES = [
  ["stream", SOCK_STREAM, true],
  ["datagram", SOCK_DGRAM, false],
  ["seqpacket", SOCK_SEQPACKET, true],
] as const;

describe("bindUnix", () => {
  test.each(TYPES)("binds a %s to a path and to an abstract name", (type, number, listening) => {
    for (const name of [`${path}/${type}`, abstractName()]) {
      const fd = keep(native.bindUnix(number, name));
      expect(native.describeSocket(fd)).toEqual({ family: "unix", type, listening, connected: false, path: name });
      expect(isCloseOnExec(fd)).toBe(true);
    }
    expect(statSync(`${path}/${type}`).isSocket()).toBe(true);
  });

  test("takes the longest names there are, and refuses longer ones", () => {
    // sun_path has 108 bytes; a path's NUL is one of them.
    const longest = `${path}/`.padEnd(107, "x");
    const longestAbstract = abstractName().padEnd(108, "x");
    for (const name of [longest, longestAbstract]) {
      const fd = keep(native.bindUnix(SOCK_STREAM, name));
      expect(native.describeSocket(fd)).toMatchObject({ path: name });
      closeSync(native.connectUnix(SOCK_STREAM, name));
    }
    expect(existsSync(longest)).toBe(true);
    for (const name of [`${longest}x`, `${longestAbstract}x`, `/${"x".repeat(100_000)}`, `@${"ä".repeat(54)}`]) {
      const error = { name: "Error", code: "ENAMETOOLONG", path: name };
      expect(thrown(() => native.bindUnix(SOCK_STREAM, name))).toMatchObject({ ...error, syscall: "bind" });
      expect(thrown(() => native.connectUnix(SOCK_STREAM, name))).toMatchObject({ ...error, syscall: "connect" });
    }
  });

  test.each(["", "relative", "./relative", "8080"])("refuses %j, which is neither path nor abstract name", name => {
    expect(thrown(() => native.bindUnix(SOCK_STREAM, name))).toMatchObject({ code: "EINVAL", path: name });
  });

  test("tells what is in the way, and leaves no descriptor open", () => {
    const taken = abstractName();
    keep(native.bindUnix(SOCK_STREAM, taken));
    writeFileSync(`${path}/file`, "");
    const left = leftovers();
    for (const [name, code] of [
      [taken, "EADDRINUSE"],
      [`${path}/file`, "EADDRINUSE"],
      [`${path}/file/socket`, "ENOTDIR"],
      ["/nowhere/socket", "ENOENT"],
    ] as const) {
      expect(thrown(() => native.bindUnix(SOCK_STREAM, name))).toMatchObject({ code, syscall: "bind", path: name });
    }
    expect(thrown(() => native.bindUnix(12345, abstractName()))).toMatchObject({ syscall: "socket" });
    expect(left().fds).toEqual([]);
  });
});

describe("bindInet", () => {
  test.each(TYPES.slice(0, 2))(
    "binds a %s to an address of either family, which is taken then",
    (type, number, listening) => {
      for (const [family, domain, host] of [
        ["inet", AF_INET, "127.0.0.1"],
        ["inet6", AF_INET6, "::1"],
      ] as const) {
        const fd = keep(native.bindInet(number, domain, host, "", 0, false));
        expect(isCloseOnExec(fd)).toBe(true);
        const { port, ...rest } = native.describeSocket(fd)!;
        expect(rest).toEqual({ family, type, listening, connected: false, host });
        expect(port).toBeGreaterThan(0);
        const again = thrown(() => native.bindInet(number, domain, host, "", port!, false));
        const subject = family === "inet" ? `127.0.0.1:${port}` : `[::1]:${port}`;
        expect(again).toMatchObject({ code: "EADDRINUSE", syscall: "bind", path: subject });
      }
    },
  );

  test("takes connections by both families on [::]", async () => {
    const fd = native.bindInet(SOCK_STREAM, AF_INET6, "::", "", 0, false);
    const { port } = native.describeSocket(fd)!;
    const server = createServer(socket => socket.end(`from ${socket.remoteAddress}`));
    await once(server.listen({ fd }), "listening");
    for (const [host, seen] of [
      ["127.0.0.1", "from ::ffff:127.0.0.1"],
      ["::1", "from ::1"],
    ] as const) {
      expect(await askOnce({ host, port: port! })).toBe(seen);
    }
    server.close();
  });

  test("binds to the port of connections that have just ended, as a restarted service must", async () => {
    const server = createServer(socket => socket.end());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    await once(client.resume(), "end");
    client.end();
    await once(server.close(), "close");
    keep(native.bindInet(SOCK_STREAM, AF_INET, "127.0.0.1", "", port, false));
  });

  test("binds a link-local address on its interface only", () => {
    expect(thrown(() => native.bindInet(SOCK_STREAM, AF_INET6, "fe80::1", "nowhere0", 8080, false))).toMatchObject({
      code: "ENODEV",
      path: "[fe80::1]:8080",
    });
    expect(thrown(() => native.bindInet(SOCK_STREAM, AF_INET6, "fe80::1", "", 8080, false))).toMatchObject({
      code: "EINVAL",
    });
  });

  test.each([
    [AF_INET, "nonsense", 80, "EINVAL", "nonsense:80"],
    [AF_INET, "::1", 80, "EINVAL", "::1:80"],
    [AF_INET6, "127.0.0.1", 80, "EINVAL", "[127.0.0.1]:80"],
    [AF_INET, "", 80, "EINVAL", ":80"],
    [AF_INET, "127.0.0.1", -1, "EINVAL", "127.0.0.1:-1"],
    [AF_INET, "127.0.0.1", 65_536 + 22, "EINVAL", "127.0.0.1:65558"],
    [AF_INET, "192.0.2.1", 0, "EADDRNOTAVAIL", "192.0.2.1:0"],
  ])("refuses family %i with %j port %i: %s", (family, host, port, code, subject) => {
    const left = leftovers();
    expect(thrown(() => native.bindInet(SOCK_STREAM, family, host, "", port, false))).toMatchObject({
      code,
      path: subject,
    });
    expect(left().fds).toEqual([]);
  });
});

describe("connectUnix", () => {
  test("connects, without blocking and close-on-exec", () => {
    const name = abstractName();
    keep(native.bindUnix(SOCK_STREAM, name));
    const fd = keep(native.connectUnix(SOCK_STREAM, name));
    expect(native.describeSocket(fd)).toMatchObject({ type: "stream", connected: true, path: "" });
    expect(isCloseOnExec(fd)).toBe(true);
    expect(() => readSync(fd, Buffer.alloc(1))).toThrow(/EAGAIN/);
  });

  test("tells why not, and leaves no descriptor open", () => {
    keep(native.bindUnix(SOCK_DGRAM, `${path}/datagrams`));
    closeSync(native.bindUnix(SOCK_STREAM, `${path}/dead`));
    writeFileSync(`${path}/plain`, "");
    const left = leftovers();
    for (const [to, code, step] of [
      ["/nowhere/socket", "ENOENT", "connect"],
      [`${path}/dead`, "ECONNREFUSED", "connect"],
      [`${path}/plain`, "ECONNREFUSED", "connect"],
      [`${path}/plain/socket`, "ENOTDIR", "connect"],
      [abstractName(), "ECONNREFUSED", "connect"],
      [`${path}/datagrams`, "EPROTOTYPE", "connect"],
      ["relative", "EINVAL", "connect"],
    ] as const) {
      const error = thrown(() => native.connectUnix(SOCK_STREAM, to));
      expect(error).toMatchObject({ code, syscall: step, path: to });
    }
    expect(thrown(() => native.connectUnix(12345, "@x"))).toMatchObject({ syscall: "socket", path: "@x" });
    expect(left().fds).toEqual([]);
  });
});

describe("accept", () => {
  test("takes clients in order, non-blocking and close-on-exec, with their pid and uid; null when none waits", () => {
    const name = abstractName();
    const listener = keep(native.bindUnix(SOCK_STREAM, name));
    const clients = [1, 2].map(() => keep(native.connectUnix(SOCK_STREAM, name)));
    for (const [index, client] of clients.entries()) {
      const { fd, ...peer } = native.accept(listener)!;
      expect(peer).toEqual({ pid: process.pid, uid: process.getuid!() });
      expect(isCloseOnExec(keep(fd))).toBe(true);
      expect(() => readSync(fd, Buffer.alloc(1))).toThrow(/EAGAIN/);
      writeSync(client, `${index}`);
      const byte = Buffer.alloc(1);
      readSync(fd, byte);
      expect(String(byte)).toBe(`${index}`);
    }
    native.watch(listener, false, () => {})();
    expect(native.accept(listener)).toBeNull();
  });

  test("refuses what doesn't listen", () => {
    const datagrams = keep(native.bindUnix(SOCK_DGRAM, abstractName()));
    expect(thrown(() => native.accept(datagrams))).toMatchObject({ code: "ENOTSUP", syscall: "accept4" });
    expect(thrown(() => native.accept(-1))).toMatchObject({ code: "EBADF", syscall: "accept4" });
  });
});

describe("waiting", () => {
  test("counts those that nobody has accepted; null for what isn't a TCP socket that listens", async () => {
    const fd = keep(native.bindInet(SOCK_STREAM, AF_INET, "127.0.0.1", "", 0, false));
    const { port } = native.describeSocket(fd)!;
    expect(native.waiting(fd)).toBe(0);
    const clients = await Promise.all(
      [1, 2].map(async () => {
        const client = connect({ port: port!, host: "127.0.0.1" });
        await once(client, "connect");
        return client;
      }),
    );
    expect(native.waiting(fd)).toBe(2);
    for (const client of clients) client.destroy();
    expect(native.waiting(keep(native.bindInet(SOCK_DGRAM, AF_INET, "127.0.0.1", "", 0, false)))).toBeNull();
    expect(native.waiting(keep(native.bindUnix(SOCK_STREAM, abstractName())))).toBeNull();
    expect(native.waiting(0)).toBeNull();
    expect(thrown(() => native.waiting(-1))).toMatchObject({ code: "EBADF", syscall: "getsockopt" });
  });
});

describe("describeSocket", () => {
  test("tells netlink, which has no address in words", async () => {
    const description = await describeFromPython("s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)");
    expect(description).toMatchObject({ family: "netlink", type: "raw", listening: false });
    expect(Object.keys(description)).toEqual(["family", "type", "listening", "connected"]);
  });

  test("tells connections", async () => {
    expect(
      await describeFromPython(`
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
client = socket.create_connection(listener.getsockname())
s, _ = listener.accept()`),
    ).toMatchObject({ family: "inet", type: "stream", listening: false, connected: true, host: "127.0.0.1" });
  });

  test("writes the NUL bytes of an abstract name as ss does", async () => {
    const name = abstractName().slice(1);
    const code = `s = socket.socket(socket.AF_UNIX)\ns.bind(b"\\0${name}\\0\\0x")`;
    expect(await describeFromPython(code)).toMatchObject({ path: `@${name}@@x` });
  });

  test("tells a path that fills the whole address, without a NUL at its end", async () => {
    const name = `${path}/`.padEnd(108, "y");
    const receiver = abstractName();
    keep(native.bindUnix(SOCK_DGRAM, receiver));
    const unbound = keep(native.connectUnix(SOCK_DGRAM, receiver));
    // Python's own bind() refuses it, bind(2) doesn't.
    const program = `import ctypes, struct, sys
sys.exit(ctypes.CDLL(None).bind(3, struct.pack("H108s", 1, b"${name}"), 110))`;
    expect((await ended(spawn({ argv: [PYTHON, "-IS", "-c", program], fds: [unbound] }))).status).toBe(0);
    expect(native.describeSocket(unbound)).toMatchObject({ path: name });
  });

  test("is null for what isn't a socket, an error for what is not open", () => {
    const file = openSync("/dev/null", "r");
    expect(native.describeSocket(file)).toBeNull();
    closeSync(file);
    for (const fd of [file, -1]) {
      expect(thrown(() => native.describeSocket(fd))).toMatchObject({ code: "EBADF", syscall: "getsockopt" });
    }
  });
});

test("a pipe goes from its first end to its second, both close-on-exec", () => {
  const [reader, writer] = native.pipe();
  expect([reader, writer].map(keep).map(isCloseOnExec)).toEqual([true, true]);
  writeSync(writer, "through");
  const bytes = Buffer.alloc(10);
  expect(String(bytes.subarray(0, readSync(reader, bytes)))).toBe("through");
});

test("pidfdId is the same number for a process each time, another for another, or none on an old kernel", () => {
  const own = native.pidfdId(process.pid);
  expect(own).toMatch(/^\d*$/);
  expect(native.pidfdId(process.pid)).toBe(own);
  if (own !== "") expect(native.pidfdId(1)).not.toBe(own);
  expect(thrown(() => native.pidfdId(2 ** 30))).toMatchObject({ code: "ESRCH", syscall: "pidfd_open" });
  expect(thrown(() => native.pidfdId(0))).toMatchObject({ code: "EINVAL", syscall: "pidfd_open" });
});
