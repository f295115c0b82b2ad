// What a supervisor hands over to the one that replaces it: written, and read with nothing lost; what isn't understood is
// refused.

import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Document, descriptorsIn, readDocument, writeDocument } from "../../../src/cli/run/document.js";
import { upgraded } from "../../../src/machine/news.js";
import { Machine } from "../../support/machine.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const location = { path: "/srv/app", real: "/srv/1/app" };
const place = { directory: "/srv/1", executable: location, locations: [location, null] };
const document = (): Document => ({
  version: "1.2.3",
  supervisor: {
    state: Machine.draining().state,
    lastAsker: 4,
    releases: { known: [[1, { ...place, variables: { A: "\xff" } }]], remembered: place },
    blockingAsReceived: [{ fd: 3, nonBlocking: true }],
    strays: { isLooking: false, knowsOlder: true, known: ["7 99"] },
    looks: [{ type: "look", generation: 2, process: 0, slot: 0, patience: 5e6, goesOn: false }],
    probes: [
      {
        about: { generation: 2, process: 0, probe: 0 },
        command: {
          pid: 41,
          pidfd: 28,
          reader: 29,
          cgroup: null,
          output: { line: "ha\xff", lines: 1, isCut: false, last: "one" },
        },
      },
    ],
    processes: [
      {
        about: { generation: 1, process: 0 },
        saved: {
          ...{ pid: 40, pidfd: 20, cgroup: null, readyPipe: 22, dying: { end: { status: 0 }, giveUpAt: 1e6 } },
          channel: { fd: 23 },
          probeSocket: {
            path: "/run/probe-1",
            listening: { fd: 99, key: { dev: "1", ino: "2" }, link: "socket:[2]", name: "/run/probe-1" } as never,
          },
          notifySocket: { fd: 21, path: "/run/notify-1", complaints: ["closing"] },
        },
        blockingBefore: [{ fd: 3, nonBlocking: false }],
      },
    ],
  },
  hook: {
    running: {
      command: { pid: 42, pidfd: 30, reader: 31, cgroup: null, output: { line: "", lines: 0, isCut: false, last: "" } },
      giveUpAt: 7e6,
    },
    waiting: [{ news: upgraded(Machine.draining().state), text: "a line" }],
  },
  sockets: [{ fd: 3, name: "web" }],
  stored: [{ fd: 23, name: "zd+stored" }],
  files: [
    { path: "/run/a.sock", keep: "/run/.a.sock", file: { ino: 1, dev: 2, mode: 0o600, uid: 0, gid: 0 }, other: 9 },
  ],
  runtimeDirectory: { path: "/run/zerodown-1", fd: 24 },
  directory: "/srv/app",
  received: { fileLimit: 1024, ignoresSigpipe: true },
  cgroup: { directory: "/sys/fs/cgroup/app", groups: [[1, "/sys/fs/cgroup/app/generation-1"]], controllers: ["pids"] },
  notifier: { queue: [{ text: "FDSTORE=1", name: "x", fd: 25 }], stored: ["zd+stored"], complained: false },
  control: { fd: 26, path: "/run/control", clients: [{ fd: 27, left: "e30=", calls: [{ method: "a.B" }], asker: 4 }] },
});

test("what is read is what was written, and the file has no name", () => {
  const fd = writeDocument(document(), directory.path);
  expect(readdirSync(directory.path)).toEqual([]);
  expect(readDocument(fd)).toEqual(document());
  // Whoever reads it again begins at its start.
  expect(readDocument(fd)).toEqual(document());
  closeSync(fd);
});

test("every descriptor in it is found, each once", () => {
  expect(descriptorsIn(document()).sort()).toEqual([20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 3, 30, 31]);
});

test("a number that JSON can't hold is refused when it is written", () => {
  const { supervisor, ...rest } = document();
  const state = { ...supervisor.state, exitStatus: Number.POSITIVE_INFINITY };
  expect(() => writeDocument({ ...rest, supervisor: { ...supervisor, state } }, directory.path)).toThrow(
    "the state can't be written down: exitStatus is Infinity",
  );
  expect(readdirSync(directory.path)).toEqual([]);
});

test.each<[string, (text: string) => string, string]>([
  ["another format", text => text.replace('"format":1', '"format":2'), "it has format 2, and only 1 is understood"],
  ["a field that isn't known", text => text.replace("{", '{"more":1,'), "document.more is 1"],
  ["a field that is missing", text => text.replace('"directory":"/srv/app",', ""), "document.directory is missing"],
  ["a field of another type", text => text.replace('"pidfd":20', '"pidfd":"x"'), 'saved.pidfd is "x"'],
  ["a state that isn't known", text => text.replace('"phase":"running"', '"phase":"odd"'), 'state.phase is "odd"'],
  [
    "a state of another version",
    text => text.replace(/"state":\{"version":\d+/, '"state":{"version":99'),
    "version 99",
  ],
  ["half of it", text => text.slice(0, text.length / 2), "JSON"],
])("%s is refused", (_, change, reason) => {
  const written = writeDocument(document(), directory.path);
  const text = readFileSync(`/proc/self/fd/${written}`, "utf8");
  closeSync(written);
  expect(change(text)).not.toBe(text);
  writeFileSync(`${directory.path}/changed`, change(text));
  const fd = openSync(`${directory.path}/changed`, "r");
  expect(() => readDocument(fd)).toThrow(reason);
  closeSync(fd);
});
