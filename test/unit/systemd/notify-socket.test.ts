// The notify socket of a generation: where what came along can't be closed, and where another one goes on with it.

import { closeSync, existsSync, renameSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { native, SOCK_DGRAM } from "../../../src/native/index.js";
import { NotifySocket } from "../../../src/systemd/as-manager/notify-socket.js";
import { eventually } from "../../support/eventually.js";
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
  const socket = NotifySocket.bind(
    `${directory.path}/notify`,
    {
      onMessage: ({ status }, fds) => {
        heard.push(status);
        // Closed once already, it can't be closed again.
        closeSync(fds[0]!);
      },
      onProblem: what => problems.push(what),
      isMember: () => true,
    },
    // The socket is read when the test says so.
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

test("one that is adopted hears what was said before and what is said then, and repeats no complaint", async () => {
  const left = leftovers();
  const heard: (string | undefined)[] = [];
  const problems: string[] = [];
  const listener = {
    onMessage: ({ status }: { status?: string }) => void heard.push(status),
    onProblem: (what: string) => void problems.push(what),
    isMember: () => true,
  };
  const first = NotifySocket.bind(`${directory.path}/notify`, listener, native.watch);
  const sender = native.connectUnix(SOCK_DGRAM, first.path);
  native.send(sender, "malformed\\", []);
  first.drain();
  expect(problems).toEqual([expect.stringMatching("a single backslash at its end")]);
  native.send(sender, "STATUS=before", []);
  // As when a program executes another one: the descriptor and the file stay, and all else of the first goes.
  const saved = { ...first.save(), fd: native.duplicate(first.save().fd) };
  renameSync(saved.path, `${saved.path}.kept`);
  first.close();
  renameSync(`${saved.path}.kept`, saved.path);
  const second = NotifySocket.adopt(JSON.parse(JSON.stringify(saved)), listener, native.watch);
  const newcomer = native.connectUnix(SOCK_DGRAM, second.path);
  native.send(sender, "malformed\\", []);
  native.send(sender, "STATUS=then", []);
  native.send(newcomer, "STATUS=by another", []);
  await eventually(() => expect(heard).toEqual(["before", "then", "by another"]));
  expect(problems).toHaveLength(1);
  for (const fd of [sender, newcomer]) closeSync(fd);
  second.close();
  expect(existsSync(saved.path)).toBe(false);
  expect(left().fds).toEqual([]);
});
