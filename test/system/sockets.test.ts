// Every kind of socket that a .socket unit offers reaches the child: the same one, at the same place, by its name.

import { randomBytes, randomInt } from "node:crypto";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { loopback } from "../support/http-load.js";
import { askOnce } from "../support/line-client.js";
import { APPS } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";

afterEach(removeUnits);

const RUNTIME = process.env.XDG_RUNTIME_DIR;

test("all kinds of sockets, of several units and of --listen, in order and by name, for each generation", async () => {
  const { host, port } = loopback();
  const id = randomBytes(4).toString("hex");
  const path = (kind: string) => `${RUNTIME}/${kind}-${id}`;
  const port6 = randomInt(10000, 30000);
  const kinds = [
    [`ListenStream=${host}:${port}`, `AF_INET SOCK_STREAM ('${host}', ${port})`],
    [`ListenStream=[::1]:${port6}`, `AF_INET6 SOCK_STREAM ('::1', ${port6}, 0, 0)`],
    [`ListenStream=${path("stream")}`, `AF_UNIX SOCK_STREAM ${path("stream")}`],
    [`ListenStream=@stream-${id}`, `AF_UNIX SOCK_STREAM b'\\x00stream-${id}'`],
    [`ListenDatagram=${host}:${port}`, `AF_INET SOCK_DGRAM ('${host}', ${port})`],
    [`ListenDatagram=${path("datagram")}`, `AF_UNIX SOCK_DGRAM ${path("datagram")}`],
    [`ListenSequentialPacket=${path("seqpacket")}`, `AF_UNIX SOCK_SEQPACKET ${path("seqpacket")}`],
    [`ListenFIFO=${path("fifo")}`, path("fifo")],
    ["ListenNetlink=kobject-uevent 1", expect.stringMatching(/^AF_NETLINK SOCK_RAW \(\d+, 1\)$/)],
    [`ListenMessageQueue=/queue-${id}`, `/queue-${id}`],
    // The order is that of the lines, not of the kinds.
    [`ListenStream=@last-${id}`, `AF_UNIX SOCK_STREAM b'\\x00last-${id}'`],
  ] as const;

  const unit = installApp({
    command: `/usr/bin/python3 ${APPS}describe-sockets.py ${path("report")}`,
    options: `--listen own=@own-${id} --listen-datagram @nameless-${id}`,
    socket: ["ListenStream=", "RemoveOnStop=yes", ...kinds.map(([line]) => line)],
  });
  const [, instance] = unit.name.split("@");
  unit.install(`admin-${id}.socket`, [
    "[Socket]",
    `Service=${unit.service}`,
    "FileDescriptorName=admin",
    `ListenStream=@admin-${id}`,
  ]);
  const report = () =>
    readFileSync(path("report"), "utf8")
      .trim()
      .split("\n")
      .map(line => /^(\d+) (\S+) (.*)$/.exec(line)!)
      .map(([, fd, name, what]) => ({ fd: Number(fd), name, what }));

  await unit.must("daemon-reload");
  await unit.must("start", `admin-${id}.socket`);
  await unit.start();
  const first = report();
  expect(first.map(({ fd }) => fd)).toEqual([...first.keys()].map(index => 3 + index));
  const named = (name: string | undefined) => first.filter(socket => socket.name === name).map(({ what }) => what);
  expect(named(instance)).toEqual(kinds.map(([, what]) => what));
  expect(named("admin")).toEqual([`AF_UNIX SOCK_STREAM b'\\x00admin-${id}'`]);
  expect(first.slice(-2).map(({ name, what }) => ({ name, what }))).toEqual([
    { name: "own", what: `AF_UNIX SOCK_STREAM b'\\x00own-${id}'` },
    { name: "unknown", what: `AF_UNIX SOCK_DGRAM b'\\x00nameless-${id}'` },
  ]);

  await unit.reload();
  const [supervisor, child] = [await unit.mainPid(), await unit.serving(2)];
  expect(report()).toEqual(first);
  // Not only alike: what systemd passed stands at the same number in the child, the very same one.
  for (const { fd, name } of first.filter(({ name }) => name === instance || name === "admin")) {
    const [ours, its] = [supervisor, child].map(pid => `${name} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`);
    expect(its).toBe(ours);
  }
  await unit.must("stop", `admin-${id}.socket`);
});

describe("O_NONBLOCK, which all generations share,", () => {
  const BLOCKING = `exec python3 ${APPS}blocking.py`;
  const EVENT_LOOP = `exec python3 ${APPS}answer.py loop`;

  /** Each generation runs what the file `app` says when it starts. */
  async function start(app: string) {
    const address = loopback();
    const unit = installApp({
      command: directory => `sh ${directory}/app`,
      socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
    });
    const deploy = (next: string) => writeFileSync(`${unit.directory}/app`, `${next}\n`);
    deploy(app);
    await unit.start();
    return { unit, deploy, answer: () => askOnce(address) };
  }

  test("is put back when a candidate that set it has failed", async () => {
    const { unit, deploy, answer } = await start(BLOCKING);
    deploy(`${BLOCKING} fail`);
    expect((await unit.systemctl("reload", unit.service)).status).toBe(1);
    // The first may find an accept(2) that was under way before.
    for (let count = 0; count < 3; count++) expect(await answer()).toBe("blocking, from generation 1");
  });

  test("is what systemd made it, for a generation that follows one that crashed", async () => {
    const { unit, deploy, answer } = await start(EVENT_LOOP);
    deploy(BLOCKING);
    process.kill(await unit.serving(1), "SIGKILL");
    for (let count = 0; count < 3; count++) expect(await answer()).toBe("blocking, from generation 2");
  });

  test("costs one that can't live with it a start, when it follows one that set it", async () => {
    const { unit, deploy, answer } = await start(EVENT_LOOP);
    deploy(BLOCKING);
    await unit.reload();
    await unit.serving(3);
    await unit.log.next(/generation 1 .* drained/);
    for (let count = 0; count < 3; count++) expect(await answer()).toBe("blocking, from generation 3");
  });
});
