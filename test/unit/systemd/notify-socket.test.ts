// The notify socket of a generation, where what came along can't be closed.

import { closeSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { native, SOCK_DGRAM } from "../../../src/native/index.js";
import { NotifySocket } from "../../../src/systemd/as-manager/notify-socket.js";
import { leftovers } from "../../support/native.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

test("one descriptor that can't be closed keeps none of its message, and no other message, from being dealt with", () => {
  const left = leftovers();
  const heard: (string | undefined)[] = [];
  const problems: string[] = [];
  const socket = new NotifySocket(
    `${directory.path}/notify`,
    ({ status }, fds) => {
      heard.push(status);
      // Closed once already, it can't be closed again.
      closeSync(fds[0]!);
    },
    what => problems.push(what),
    () => true,
    // It is read when the test says so.
    () => () => {},
  );
  const sender = native.connectUnix(SOCK_DGRAM, socket.path);
  const pipe = native.pipe();
  for (const status of ["first", "second"]) native.send(sender, `STATUS=${status}`, pipe);
  for (const fd of [sender, ...pipe]) closeSync(fd);
  socket.drain();
  expect(heard).toEqual(["first", "second"]);
  expect(problems).toEqual(["closing a descriptor that came with a notification: EBADF: bad file descriptor, close"]);
  socket.close();
  expect(left().fds).toEqual([]);
});
