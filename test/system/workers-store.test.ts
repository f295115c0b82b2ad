// What workers store goes back to their slots, under a real systemd.

import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { APPS } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";
import { zerodown } from "../support/unit-workers.js";

afterEach(removeUnits);

test("over reloads, crashes and SIGKILL of the supervisor; with fewer workers to the slot modulo their number", async () => {
  const unit = installApp({
    command: `/usr/bin/python3 ${APPS}note.py`,
    options: "--workers 2 --fdstore-max 4",
    service: ["FileDescriptorStoreMax=4", "RestartSec=100ms"],
  });
  const told = async (generation: number, from = 0) => {
    const line = (slot: number) => unit.log.next(new RegExp(`^worker ${slot} of generation ${generation} has`), from);
    return Promise.all([0, 1].map(line));
  };
  const stored = () => unit.property("NFileDescriptorStore");
  await unit.start();
  expect(await told(1)).toEqual(["worker 0 of generation 1 has nothing", "worker 1 of generation 1 has nothing"]);
  await unit.reload();
  const back = (generation: number) => [
    `worker 0 of generation ${generation} has worker 0 of generation 1`,
    `worker 1 of generation ${generation} has worker 1 of generation 1`,
  ];
  expect(await told(2)).toEqual(back(2));
  // A crash: its own comes back to it.
  let from = unit.log.count;
  const line = unit.log.matching(/worker 1 of generation 2 \(pid \d+\) started/)[0]!;
  process.kill(Number(/pid (\d+)/.exec(line)![1]), "SIGKILL");
  expect(await unit.log.next(/^worker 1 of generation 2 has/, from)).toBe(back(2)[1]);

  await eventually(async () => expect(await stored()).toBe("2"));
  from = unit.log.count;
  const changes = await unit.follow();
  process.kill(await unit.mainPid(), "SIGKILL");
  await changes.next(/^NRestarts=/);
  expect(await told(1, from)).toEqual(back(1));
  await changes.next(/^ActiveState=active$/);
  expect(await stored()).toBe("2");
  const { sockets } = JSON.parse(zerodown("status", "--json", unit.service).stdout);
  expect(sockets.filter((socket: { stored: boolean }) => socket.stored)).toEqual([
    expect.objectContaining({ fd: 4, name: "note", slot: 0 }),
    expect.objectContaining({ fd: 4, name: "note", slot: 1 }),
  ]);
  expect(zerodown("status", unit.service).stdout).toMatch(/^ *4 +note +\/memfd:note .*\(stored, worker 1\)/m);

  zerodown("scale", unit.service, "1");
  await unit.reload();
  await unit.log.next(/^worker alone of generation 2 has worker [01] of generation 1, worker [01] of generation 1$/);
});
