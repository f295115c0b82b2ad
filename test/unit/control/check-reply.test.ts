import { expect, test } from "@jest/globals";
import { checkStatus } from "../../../src/control/check-reply.js";

const GENERATION = {
  number: 1,
  state: "serving",
  pid: 901,
  startedAt: 5,
  status: "",
  cgroup: "/a..b.service/generation-1",
};
const WORKER = { slot: 1, state: "serving", pid: 902, queues: [1, 0], startedAt: 5, status: "", restarts: 0 };
const SOCKET = { fd: 3, name: "web", address: "stream [::]:8080" };
const REPLY = {
  version: "0.1.0",
  pid: 800,
  now: 10,
  status: "fine",
  generations: [
    GENERATION,
    { ...GENERATION, workers: [WORKER] },
    { ...GENERATION, state: "ended", endedAt: 7, end: "exited with status 0" },
    {
      ...GENERATION,
      state: "ended",
      endedAt: 7,
      end: "missed its watchdog of 5s and was killed by SIGABRT",
      outcome: { kind: "watchdog", state: "serving", signal: "SIGABRT", limit: 5e6, killed: false },
    },
  ],
  sockets: [
    { ...SOCKET, queue: 0, waiting: 2 },
    { ...SOCKET, queue: 1 },
    { ...SOCKET, stored: true },
  ],
  counts: {
    reloads: { succeeded: { count: 1, time: 5 }, failed: { count: 0, time: 0 } },
    crashes: 0,
    ends: { exit: 3 },
    recycled: {},
  },
};

test("a reply of Status is taken as it is, with what later versions may add", () => {
  const reply = { ...REPLY, more: 1, generations: [{ ...GENERATION, pid: null, more: 1 }] };
  expect(checkStatus(REPLY)).toBe(REPLY);
  expect(checkStatus(reply)).toBe(reply);
});

test.each([
  {},
  { ...REPLY, version: 1 },
  { ...REPLY, pid: "800" },
  { ...REPLY, pid: 0 },
  { ...REPLY, now: null },
  { ...REPLY, status: undefined },
  { ...REPLY, generations: {} },
  { ...REPLY, generations: [null] },
  { ...REPLY, generations: [{ ...GENERATION, state: "asleep" }] },
  { ...REPLY, generations: [{ ...GENERATION, pid: "../1" }] },
  { ...REPLY, generations: [{ ...GENERATION, endedAt: "now" }] },
  { ...REPLY, sockets: [{ ...SOCKET, fd: "3" }] },
  { ...REPLY, sockets: undefined },
  { ...REPLY, sockets: [{ ...SOCKET, stored: 1 }] },
  { ...REPLY, sockets: [{ ...SOCKET, queue: "0" }] },
  { ...REPLY, sockets: [{ ...SOCKET, waiting: true }] },
  { ...REPLY, generations: [{ ...GENERATION, workers: [{ ...WORKER, queues: 1 }] }] },
  { ...REPLY, generations: [{ ...GENERATION, cgroup: "app.service" }] },
  { ...REPLY, generations: [{ ...GENERATION, cgroup: "/app.service/../../etc" }] },
  { ...REPLY, generations: [{ ...GENERATION, outcome: "exited" }] },
  { ...REPLY, generations: [{ ...GENERATION, outcome: { kind: "exit", state: "serving", status: "0" } }] },
  { ...REPLY, generations: [{ ...GENERATION, outcome: { kind: "exit", state: "asleep", status: 0 } }] },
  { ...REPLY, counts: 1 },
  { ...REPLY, counts: { ...REPLY.counts, crashes: "0" } },
  { ...REPLY, counts: { ...REPLY.counts, ends: { exit: "3" } } },
  { ...REPLY, counts: { ...REPLY.counts, recycled: [1] } },
  { ...REPLY, counts: { ...REPLY.counts, reloads: { failed: 1 } } },
])("%j isn't a reply of Status", reply => {
  expect(checkStatus(reply)).toBeUndefined();
});
