// The notifier sends the messages of the fd store to a real socket.

import { closeSync } from "node:fs";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { native } from "../../../src/native/index.js";
import { Notifier, sendByAddon } from "../../../src/systemd/as-service/notify.js";
import { eventually } from "../../support/eventually.js";
import { ManagerSocket } from "../../support/manager-socket.js";
import { leftovers } from "../../support/native.js";

let manager: ManagerSocket;
let notifier: Notifier;
let problems: string[];
let ends: [number, number];
let left: ReturnType<typeof leftovers>;

beforeEach(() => {
  left = leftovers();
  manager = new ManagerSocket(`@zerodown-test-${process.pid}-${Math.random()}`);
  problems = [];
  notifier = new Notifier({ NOTIFY_SOCKET: manager.address }, why => problems.push(why), sendByAddon);
  ends = native.pipe();
});
afterEach(async () => {
  for (const fd of ends) closeSync(fd);
  manager.close();
  // Nothing is left of what was queued or sent, once it was noticed that nobody listens.
  await eventually(() => expect(left().fds).toEqual([]));
});

/** Each message on one line, with the number of its descriptors. */
function received(): string[] {
  manager.collect();
  return manager.received.map(({ assignments, fds }) => `${assignments.join(" ")} (${fds})`);
}

test("a descriptor is sent with its name, and without polling where it isn't to be polled", () => {
  notifier.storeFd(ends[0], "a b", true);
  // systemd takes one of each two backslashes away.
  notifier.storeFd(ends[1], "c\\", false);
  expect(received()).toEqual(["FDSTORE=1 FDNAME=a b (1)", "FDSTORE=1 FDNAME=c\\\\ FDPOLL=0 (1)"]);
});

test("what is there is removed by its name, and what isn't is not", () => {
  notifier.storeFd(ends[0], "a", true);
  notifier.hasStored("from before");
  for (const name of ["a", "a", "from before", "never"]) notifier.removeFds(name);
  expect(received().slice(1)).toEqual(["FDSTOREREMOVE=1 FDNAME=a (0)", "FDSTOREREMOVE=1 FDNAME=from before (0)"]);
});

test("without a service manager nothing is kept", () => {
  const nobody = new Notifier({}, why => problems.push(why), sendByAddon);
  nobody.storeFd(ends[0], "a", true);
  nobody.removeFds("a");
  expect([received(), problems]).toEqual([[], []]);
});

test("while systemd doesn't read nothing is lost, what was removed meanwhile is not sent, and a closed descriptor isn't mistaken for another one", async () => {
  manager.fill();
  notifier.send(["READY=1"]);
  notifier.storeFd(ends[0], "kept", true);
  notifier.storeFd(ends[1], "gone", true);
  notifier.removeFds("gone");
  // The descriptor's number may be another's by the time that it is sent.
  closeSync(ends[0]);
  ends[0] = native.duplicate(1);
  for (let count = 0; count < 100; count++) notifier.send([`STATUS=${count}`]);
  manager.read();
  await eventually(() => expect(received().at(-1)).toBe("STATUS=99 (0)"));
  expect(received().filter(line => !line.startsWith("STATUS"))).toEqual(["READY=1 (0)", "FDSTORE=1 FDNAME=kept (1)"]);
});

test("a removal that systemd has yet to read is not forgotten by what follows it", async () => {
  notifier.storeFd(ends[0], "a", true);
  manager.collect();
  manager.fill();
  notifier.removeFds("a");
  notifier.storeFd(ends[0], "a", true);
  notifier.removeFds("a");
  notifier.storeFd(ends[1], "a", true);
  manager.read();
  await eventually(() => expect(received()).toHaveLength(3));
  expect(received()).toEqual(["FDSTORE=1 FDNAME=a (1)", "FDSTOREREMOVE=1 FDNAME=a (0)", "FDSTORE=1 FDNAME=a (1)"]);
});

test("storing and removing without end, with nobody to read, keeps no more than there is", () => {
  manager.fill();
  for (let count = 0; count < 500; count++) {
    notifier.storeFd(ends[0], `name-${count}`, true);
    notifier.removeFds(`name-${count}`);
  }
  // The queue's own connection, and no copies.
  expect(left().fds.length).toBeLessThan(8);
});

test("where there is no memory to wait for room with, nothing is thrown, lost or left open: it looks again by itself", async () => {
  manager.fill();
  const denied = jest.spyOn(native, "watch").mockImplementation(() => {
    throw Object.assign(new Error("ENOMEM: not enough memory, epoll_ctl"), { code: "ENOMEM" });
  });
  notifier.storeFd(ends[0], "kept", true);
  expect(denied).toHaveBeenCalledTimes(1);
  denied.mockRestore();
  // The manager's, this process's ends of the pipe, and the copy that is to be sent.
  expect(left().fds).toHaveLength(4);
  await eventually(() => expect(received()).toEqual(["FDSTORE=1 FDNAME=kept (1)"]));
  expect(problems).toEqual([expect.stringMatching(/is full: what is to be said waits until systemd reads$/)]);
});

test("when there is nobody any more the copies are closed, and it is told once", () => {
  manager.close();
  notifier.storeFd(ends[0], "a", true);
  notifier.storeFd(ends[1], "b", true);
  expect(problems).toEqual([expect.stringMatching(/^systemd can't be notified: NOTIFY_SOCKET=/)]);
});
