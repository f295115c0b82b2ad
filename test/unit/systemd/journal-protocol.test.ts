// The journal's native protocol, to a real datagram socket.

import { closeSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { removeSocketFile } from "../../../src/linux/sockets/remove.js";
import { native, SOCK_DGRAM } from "../../../src/native/index.js";
import { Journal } from "../../../src/systemd/as-service/journal.js";
import { journalEntry } from "../../../src/systemd/formats/journal-entry.js";
import { leftovers } from "../../support/native.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let fd: number;
beforeEach(() => {
  directory = temporaryDirectory();
  path = `${directory.path}/socket`;
  fd = native.bindUnix(SOCK_DGRAM, path);
});
afterEach(() => {
  closeSync(fd);
  directory.remove();
});

const received = () => native.receive(fd)?.data.toString();

test("a field a line; one with a line feed has its length in bytes before it; what isn't known is left out", () => {
  expect(journalEntry({ MESSAGE: "ä=b", PRIORITY: 3, OTHER: null }).toString()).toBe("MESSAGE=ä=b\nPRIORITY=3\n");
  const entry = journalEntry({ MESSAGE: "ä\nb\0c", PRIORITY: 3 });
  expect(entry).toEqual(
    Buffer.concat([Buffer.from("MESSAGE\n"), Buffer.of(6, 0, 0, 0, 0, 0, 0, 0), Buffer.from("ä\nb\0c\nPRIORITY=3\n")]),
  );
});

test("each entry is a datagram of its own, on one connection", () => {
  const left = leftovers();
  const journal = new Journal(path);
  expect(journal.send({ MESSAGE: "one" })).toBe(true);
  expect(journal.send({ MESSAGE: "two", PRIORITY: 6 })).toBe(true);
  expect([received(), received(), received()]).toEqual(["MESSAGE=one\n", "MESSAGE=two\nPRIORITY=6\n", undefined]);
  expect(left().fds).toHaveLength(1);
});

test("where there is none, or it is gone, that is said at once; when it is there again, it gets entries", () => {
  const left = leftovers();
  expect(new Journal(`${directory.path}/nowhere`).send({ MESSAGE: "lost" })).toBe(false);
  expect(left().fds).toEqual([]);
  const journal = new Journal(path);
  journal.send({ MESSAGE: "one" });
  closeSync(fd);
  removeSocketFile(path);
  expect(journal.send({ MESSAGE: "two" })).toBe(false);
  fd = native.bindUnix(SOCK_DGRAM, path);
  expect(journal.send({ MESSAGE: "three" })).toBe(true);
  expect(received()).toBe("MESSAGE=three\n");
});

test("one that was restarted gets the entry by which that is noticed", () => {
  const journal = new Journal(path);
  journal.send({ MESSAGE: "one" });
  closeSync(fd);
  removeSocketFile(path);
  fd = native.bindUnix(SOCK_DGRAM, path);
  expect(journal.send({ MESSAGE: "two" })).toBe(true);
  expect(received()).toBe("MESSAGE=two\n");
});

test("one that takes none now, because its queue is full, throws, and takes them again later", () => {
  const journal = new Journal(path);
  expect(() => {
    for (;;) journal.send({ MESSAGE: "one" });
  }).toThrow(expect.objectContaining({ code: "EAGAIN" }));
  while (received());
  expect(journal.send({ MESSAGE: "two" })).toBe(true);
  expect(received()).toBe("MESSAGE=two\n");
});

test("a message that is too large for a datagram is cut, and says so", () => {
  const journal = new Journal(path);
  expect(journal.send({ MESSAGE: "x".repeat(10 << 20) })).toBe(true);
  // The receiver here takes 4096 bytes of a message.
  expect(native.receive(fd)).toMatchObject({ truncated: true });
  expect(journal.send({ MESSAGE: "two" })).toBe(true);
  expect(received()).toBe("MESSAGE=two\n");
});
