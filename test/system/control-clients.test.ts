// The control socket of a real supervisor puts up with garbage, too many clients, clients that don't read, and other
// users.

import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { callSupervisor } from "../../src/control/client.js";
import type { StatusReport } from "../../src/control/types.js";
import { encode } from "../../src/control/varlink.js";
import { zerodown } from "../support/command.js";
import { controlPath, failure, fillControl, rawConnection, reloadBy, statusOf } from "../support/control.js";
import { Deployment } from "../support/deployment.js";
import { eventually } from "../support/eventually.js";
import { ROOT } from "../support/supervisor.js";

let app: Deployment;
beforeEach(() => {
  app = new Deployment();
});
afterEach(() => app.end());

test.each([
  ["garbage", Buffer.from("GET / HTTP/1.1\r\n\r\n\0")],
  ["JSON that isn't a call", Buffer.from('[1,2]\0{"method":3}\0')],
  ["a message without end", Buffer.alloc(70_000, "x")],
  ["a hundred calls at once", Buffer.from(encode({ method: "org.varlink.service.GetInfo" }).repeat(100))],
])("%s: the client is cut off, and others are served", async (_, bytes) => {
  const supervisor = await app.started();
  const { socket, replies } = await rawConnection(controlPath(supervisor));
  socket.write(bytes);
  await replies;
  expect((await statusOf(supervisor)).generations).toHaveLength(1);
});

test("parameters of a wrong type are refused", async () => {
  const supervisor = await app.started();
  const { error, parameters } = await failure(reloadBy(supervisor, { since: "now" }));
  expect([error, parameters]).toEqual(["org.varlink.service.InvalidParameter", { parameter: "since" }]);
});

test("0 workers are refused, and what is no whole number", async () => {
  const supervisor = await app.started();
  for (const workers of [0, -1, 1.5, "2", undefined]) {
    const { error, parameters } = await failure(callSupervisor(controlPath(supervisor), "Scale", { workers }));
    expect([error, parameters]).toEqual(["org.varlink.service.InvalidParameter", { parameter: "workers" }]);
  }
  expect(await statusOf(supervisor)).toMatchObject({ workers: 1 });
});

test("a 17th client is turned away, and there is room again when one goes", async () => {
  const supervisor = await app.started();
  const path = controlPath(supervisor);
  const clients = await fillControl(path);
  expect(await (await rawConnection(path)).replies).toBe("");
  expect(await supervisor.log.next(/control socket refuses/)).toMatch(/16 clients are connected/);
  clients[0]!.destroy();
  await supervisor.reload();
  expect((await statusOf(supervisor)).generations.length).toBeGreaterThan(0);
  for (const client of clients) client.destroy();
});

test("a 13th watcher is refused, so that there is room for a reload; and one who goes makes room", async () => {
  const supervisor = await app.started();
  const path = controlPath(supervisor);
  const end = new AbortController();
  const watch = (onReply: () => void) => callSupervisor(path, "Status", {}, { onReply, signal: end.signal });
  const watchers = await Promise.all(
    Array.from({ length: 12 }, async () => {
      let watching: Promise<unknown> | undefined;
      await new Promise<void>(resolve => (watching = failure(watch(resolve))));
      return { watching };
    }),
  );
  expect((await failure(watch(() => {}))).error).toBe("tech.fornaxian.zerodown.TooManyWatchers");
  const { status, stderr } = await zerodown(["status", "--watch", "--control", path]);
  expect([status, stderr]).toEqual([69, expect.stringMatching(/: it has as many watchers as it takes\n$/)]);
  expect((await reloadBy(supervisor)).generation).toBe(2);
  end.abort();
  await Promise.all(watchers.map(({ watching }) => watching));
  await eventually(async () => {
    const other = new AbortController();
    let replies = 0;
    const onReply = () => {
      replies++;
      other.abort();
    };
    await failure(callSupervisor(path, "Status", {}, { onReply, signal: other.signal }));
    expect(replies).toBe(1);
  });
});

test("clients that give up waiting for a reload make room, though it goes on", async () => {
  const supervisor = await app.started();
  app.deploy("exec sleep infinity");
  for (const client of await fillControl(controlPath(supervisor))) {
    client.write(encode({ method: "tech.fornaxian.zerodown.Reload" }));
    client.destroy();
  }
  await supervisor.log.next(/one more follows/);
  const status = await eventually(() => statusOf(supervisor));
  expect(status.generations.map(({ state }) => state)).toEqual(["serving", "starting"]);
});

test("one that follows and doesn't read misses what it would have read; then it learns how things are", async () => {
  const supervisor = await app.started();
  const { socket } = await rawConnection(controlPath(supervisor));
  socket.pause();
  let text = "";
  socket.on("data", data => (text += data));
  socket.write(encode({ method: "tech.fornaxian.zerodown.Status", more: true }));
  // The kernel's buffers take some of it.
  for (let count = 0; count < 150; count++) await reloadBy(supervisor);
  socket.resume();
  await eventually(() => {
    const [newest = ""] = text.split("\0").slice(-2);
    const { generations } = JSON.parse(newest).parameters as StatusReport;
    expect(generations.find(({ state }) => state === "serving")?.number).toBe(151);
  });
  socket.destroy();
});

test("another user is refused", async () => {
  const supervisor = await app.started("--control", `${app.path}/control`);
  // The file's mode must not be what keeps that user out.
  spawnSync("chmod", ["755", app.path]);
  spawnSync("chmod", ["666", `${app.path}/control`]);
  const args = [
    "--reuid=61234",
    "--clear-groups",
    "node",
    `${ROOT}build/test/apps/call-status.js`,
    `${app.path}/control`,
  ];
  const { stdout } = spawnSync("setpriv", args, { encoding: "utf8" });
  expect(stdout).toMatch(/ConnectionLost|ECONNRESET|EPIPE/);
  expect(await supervisor.log.next(/control socket refuses/)).toMatch(/uid 61234 is neither ours nor root/);
});
