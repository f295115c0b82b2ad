// Datagrams with credentials and descriptors.

import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Message, native, SOCK_DGRAM } from "../../../src/native/index.js";
import {
  ended,
  isCloseOnExec,
  LEAVE_FDS,
  leftovers,
  PYTHON,
  readable,
  runNode,
  spawn,
  thrown,
} from "../../support/native.js";

let name: string;
let receiver: number;
let sender: number;

beforeEach(() => {
  name = `@zerodown-test-${process.pid}-${Math.random()}`;
  receiver = native.bindUnix(SOCK_DGRAM, name);
  sender = native.connectUnix(SOCK_DGRAM, name);
});

afterEach(() => {
  closeSync(receiver);
  closeSync(sender);
});

const OUR_UID = process.getuid!();

/** Sends by the plain socket API, which takes what `native.send` wouldn't. */
async function sendFromPython(code: string): Promise<void> {
  const program = `import array, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\\0${name.slice(1)}")
def rights(*fds): return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
${code}`;
  expect(await ended(spawn({ argv: [PYTHON, "-IS", "-c", program] }))).toEqual({ status: 0, signal: 0 });
}

describe("a message", () => {
  test("arrives with its sender's pid and uid once they are asked for", () => {
    native.passCredentials(receiver);
    native.send(sender, "READY=1\nSTATUS=ä", []);
    const { data, ...rest } = native.receive(receiver)!;
    expect(String(data)).toBe("READY=1\nSTATUS=ä");
    expect(rest).toEqual({ fds: [], truncated: false, pid: process.pid, uid: OUR_UID });
  });

  test("tells nobody's credentials when they are not asked for", () => {
    native.send(sender, "X", []);
    expect(native.receive(receiver)).toMatchObject({ pid: 0, uid: -1 });
  });

  test("arrives alone and in order; null when none waits", () => {
    for (const text of ["one", "", "three"]) native.send(sender, text, []);
    const texts = [1, 2, 3].map(() => String(native.receive(receiver)!.data));
    expect(texts).toEqual(["one", "", "three"]);
    expect(native.receive(receiver)).toBeNull();
  });

  test("may hold NUL bytes and all else", async () => {
    await sendFromPython(`s.send(bytes(range(256)))`);
    expect([...native.receive(receiver)!.data]).toEqual([...Array(256).keys()]);
  });

  test("of 4096 bytes arrives whole, a longer one is cut and said to be", async () => {
    await sendFromPython(`s.send(b"x" * 4096); s.send(b"y" * 4097); s.send(b"z" * 65536)`);
    const messages = [1, 2, 3].map(() => native.receive(receiver)!);
    expect(messages.map(({ data, truncated }) => [data.length, data[0], truncated])).toEqual([
      [4096, 0x78, false],
      [4096, 0x79, true],
      [4096, 0x7a, true],
    ]);
  });
});

describe("descriptors", () => {
  test("arrive open, close-on-exec and in order", () => {
    const [reader, writer] = native.pipe();
    native.send(sender, "FDSTORE=1", [writer, reader]);
    closeSync(writer);
    closeSync(reader);
    const { fds, truncated } = native.receive(receiver)!;
    const [newWriter, newReader] = fds as [number, number];
    expect(fds.map(isCloseOnExec)).toEqual([true, true]);
    expect({ count: fds.length, truncated }).toEqual({ count: 2, truncated: false });
    writeSync(newWriter, "through");
    const bytes = Buffer.alloc(7);
    readSync(newReader, bytes);
    expect(String(bytes)).toBe("through");
    for (const fd of fds) closeSync(fd);
  });

  test("as many as the kernel passes arrive, with credentials; one more can't be sent", () => {
    native.passCredentials(receiver);
    native.send(sender, "X", Array(253).fill(0));
    const message = native.receive(receiver)!;
    expect(message).toMatchObject({ truncated: false, pid: process.pid });
    expect(message.fds).toHaveLength(253);
    for (const fd of message.fds) closeSync(fd);
    expect(thrown(() => native.send(sender, "X", Array(254).fill(0)))).toMatchObject({ code: "E2BIG" });
  });

  test("come along with a message that is too long, to be closed", async () => {
    await sendFromPython(`s.sendmsg([b"x" * 65536], rights(*[0] * 200))`);
    const left = leftovers();
    const { fds, truncated } = native.receive(receiver)!;
    expect({ truncated, count: fds.length, opened: left().fds.length }).toEqual({
      truncated: true,
      count: 200,
      opened: 200,
    });
    for (const fd of fds) closeSync(fd);
    expect(left().fds).toEqual([]);
  });

  test("that find no room in the process are left out, said to be, and none leaks", async () => {
    const { output, errors } = await runNode(`
      ${LEAVE_FDS}
      const receiver = native.bindUnix(${SOCK_DGRAM}, "${name}-2");
      const sender = native.connectUnix(${SOCK_DGRAM}, "${name}-2");
      native.send(sender, "X", [0, 0, 0, 0]);
      native.send(sender, "Y", [0]);
      leaveFds(3);
      const { fds, truncated } = native.receive(receiver);
      console.log(fds.length, truncated);
      const second = native.receive(receiver);
      console.log(second.fds.length, second.truncated);
      for (const fd of fds) closeSync(fd);
      for (const fd of fds) console.log(openSync("/dev/null") === fd);`);
    expect({ output, errors }).toEqual({ output: "3 true\n0 true\ntrue\ntrue\ntrue\n", errors: "" });
  });

  test("that are closed or invalid can't be sent, and nothing is", () => {
    const closed = openSync("/dev/null", "r");
    closeSync(closed);
    for (const fd of [closed, -1]) {
      expect(thrown(() => native.send(sender, "X", [fd]))).toMatchObject({ code: "EBADF", syscall: "sendmsg" });
    }
    expect(native.receive(receiver)).toBeNull();
  });

  test("of messages that are never read are closed with the socket", () => {
    const [reader, writer] = native.pipe();
    native.send(sender, "X", [writer]);
    closeSync(writer);
    closeSync(receiver);
    // The end of the pipe, so nobody holds the other end any more.
    expect(readSync(reader, Buffer.alloc(1))).toBe(0);
    closeSync(reader);
    receiver = native.bindUnix(SOCK_DGRAM, name);
  });
});

describe("send", () => {
  test("never blocks: EAGAIN when the receiver's queue is full, and writable tells before", async () => {
    expect(native.writable(sender)).toBe(true);
    let sent = 0;
    let error: Partial<Error> | undefined;
    while (!error) {
      try {
        native.send(sender, `${sent}`, []);
        sent++;
      } catch (thrown) {
        error = thrown as Error;
      }
    }
    expect(error).toMatchObject({ code: "EAGAIN", syscall: "sendmsg" });
    expect(native.writable(sender)).toBe(false);
    const room = readable(sender, true);
    const messages: Message[] = [];
    for (let message = native.receive(receiver); message; message = native.receive(receiver)) messages.push(message);
    expect(messages.map(({ data }) => String(data))).toEqual([...Array(sent).keys()].map(String));
    expect(await room).toBe(0);
    native.send(sender, "again", []);
  });

  test("tells that the receiver is gone", () => {
    closeSync(receiver);
    expect(thrown(() => native.send(sender, "X", []))).toMatchObject({ code: "ECONNREFUSED", syscall: "sendmsg" });
    receiver = native.bindUnix(SOCK_DGRAM, name);
  });

  test("tells when a message is too long for the socket", () => {
    expect(thrown(() => native.send(sender, "x".repeat(10_000_000), []))).toMatchObject({ code: "EMSGSIZE" });
  });
});

test("hundreds of messages with descriptors leave none open", () => {
  const left = leftovers();
  for (let count = 0; count < 500; count++) {
    native.send(sender, "X", [0, 1, 2]);
    for (const fd of native.receive(receiver)!.fds) closeSync(fd);
  }
  expect(left().fds).toEqual([]);
});

test("a descriptor that isn't a socket is refused", () => {
  const file = openSync("/dev/null", "r");
  expect(fstatSync(file).isCharacterDevice()).toBe(true);
  for (const call of [
    () => native.receive(file),
    () => native.send(file, "X", []),
    () => native.passCredentials(file),
  ]) {
    expect(thrown(call)).toMatchObject({ code: "ENOTSOCK" });
  }
  closeSync(file);
});

test("a pair of sockets passes messages both ways, and an end that is closed reads as an empty message", () => {
  const [one, other] = native.socketPair();
  expect([isCloseOnExec(one), isCloseOnExec(other)]).toEqual([true, true]);
  native.send(one, "there", [receiver]);
  native.send(other, "back", []);
  const { data, fds } = native.receive(other)!;
  expect([String(data), String(native.receive(one)!.data), native.receive(one)]).toEqual(["there", "back", null]);
  for (const fd of [...fds, one]) closeSync(fd);
  expect(native.receive(other)!.data).toHaveLength(0);
  closeSync(other);
});
