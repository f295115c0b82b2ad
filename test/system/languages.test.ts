// Children that are not Node, and know nothing of Zerodown.

import { closeSync, constants, openSync, writeSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { ask, HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { APPS } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);

function onTcp() {
  const address = loopback();
  return { address, socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`] };
}

test("a Python program with the systemd module loses no request in 3 reloads", async () => {
  const { address, socket } = onTcp();
  const unit = installApp({ command: `/usr/bin/python3 ${APPS}notify.py`, socket });
  await unit.listen();
  const load = new HttpLoad(address, { clients: 4, keepAlive: false });
  await load.answers(50, /^Python \d+$/);
  await unit.started();
  for (let generation = 2; generation <= 4; generation++) {
    await unit.reload();
    const pid = await unit.serving(generation);
    await load.answers(50, new RegExp(`^Python ${pid}$`));
  }
  await load.stop();
  expect(load.failures).toEqual([]);
});

test("a shell script with systemd-notify --ready takes jobs from a FIFO", async () => {
  const fifo = `${process.env.XDG_RUNTIME_DIR}/jobs-${process.pid}`;
  const unit = installApp({
    command: `sh ${APPS}jobs.sh`,
    socket: ["ListenStream=", `ListenFIFO=${fifo}`, "RemoveOnStop=yes"],
  });
  await unit.listen();
  const jobs = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  writeSync(jobs, "the first\n");
  expect(await unit.log.next(/did the first/)).toMatch(new RegExp(`^${await unit.serving(1)} did`));
  await unit.started();
  await unit.reload();
  await unit.log.next(/generation 1 .* drained/);
  writeSync(jobs, "the second\n");
  expect(await unit.log.next(/did the second/)).toMatch(new RegExp(`^${await unit.serving(2)} did`));
  closeSync(jobs);
});

test.each(["accept", "exec", "delay:200ms"])(
  "a Perl program that knows only LISTEN_FDS, with --ready %s",
  async ready => {
    const { address, socket } = onTcp();
    const unit = installApp({ command: `perl ${APPS}listen-fds.pl`, options: `--ready ${ready}`, socket });
    await unit.start();
    expect(await ask(address)).toBe(`Perl ${await unit.serving(1)}`);
    await unit.reload();
    await unit.log.next(/generation 1 .* drained/);
    expect(await ask(address)).toBe(`Perl ${await unit.serving(2)}`);
  },
);

test("a program that can only write a line, with --ready fd", async () => {
  const unit = installApp({
    command: `sh -c 'echo first words; echo ready >&$ZERODOWN_READY_FD; exec sleep infinity'`,
    options: "--ready fd",
  });
  await unit.start();
  expect(unit.log.lines).toContain("first words");
  expect(await unit.property("StatusText")).toMatch(/^Generation 1 \(pid \d+\) serving$/);
});
