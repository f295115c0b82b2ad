// The supervisor is killed (SIGKILL) in each of its states, under Restart=on-failure: its sockets survive, clients wait
// for the restart and for nothing else, and no process is left of any generation.

import { afterEach, expect, test } from "@jest/globals";
import { DeployedUnit } from "../support/deployed-unit.js";
import { eventually } from "../support/eventually.js";
import { isAlive } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";
import { removeUnits } from "../support/unit.js";

afterEach(async () => {
  await removeUnits();
  await endServices();
});

const SLOW = "echo candidate; exec sleep 1000";

/** Each brings the service into its state; what is killed then is the supervisor. */
const STATES: [string, string, (service: DeployedUnit) => Promise<unknown>][] = [
  [
    "the first start",
    "",
    async service => {
      service.deploy(SLOW);
      await service.unit.must("start", "--no-block", service.unit.service);
      await service.unit.log.next(/^candidate$/);
    },
  ],
  ["serving", "", service => service.unit.start()],
  [
    "a reload, the candidate starting",
    "",
    async service => {
      await service.unit.start();
      service.deploy(SLOW);
      await service.beginReload();
      await service.unit.log.next(/^candidate$/);
    },
  ],
  [
    "a reload, the candidate settling",
    "--settle 2s",
    async service => {
      await service.unit.start();
      await service.beginReload();
      await service.unit.log.next(/settling for 2s$/);
    },
  ],
  [
    "a drain",
    "",
    async service => {
      service.deploy(answering("v1", "linger"));
      await service.unit.start();
      service.deploy(answering("v1"));
      await service.reload();
      await service.unit.log.next(/^generation 1 got SIGINT$/);
    },
  ],
  [
    "the pause after crashes",
    "",
    async service => {
      await service.unit.start();
      service.deploy("exit 1");
      process.kill(await service.unit.serving(1), "SIGKILL");
      await service.unit.log.next(/Starting generation 5 in 400ms$/);
    },
  ],
];

test.each(STATES)(
  "killed in %s: the next one serves on the same socket, and nothing is left",
  async (_, options, reach) => {
    const service = new DeployedUnit(options);
    const { unit } = service;
    service.deploy(answering("v1"));
    await unit.listen();
    const changes = await unit.follow();
    await reach(service);
    const processes = await service.processes();
    expect(processes).toContain(await unit.mainPid());
    service.deploy(answering("good"));

    const from = changes.count;
    process.kill(await unit.mainPid(), "SIGKILL");
    await changes.next(/^SubState=auto-restart$/, from);
    expect(processes.filter(isAlive)).toEqual([]);
    const answers = await Promise.all(Array.from({ length: 5 }, () => service.ask()));
    expect(answers).toEqual(Array(5).fill("good from generation 1"));
    await changes.next(/^ActiveState=active$/, from);
    expect(await unit.property("NRestarts")).toBe("1");
    expect(await unit.property("ActiveState", unit.socket)).toBe("active");
    await service.reload();
    expect(await service.ask()).toBe("good from generation 2");
  },
);

test("killed in a stop: systemd ends what is left, starts nothing, and the next connection does", async () => {
  const service = new DeployedUnit();
  const { unit } = service;
  service.deploy(answering("v1", "ignore-stop"));
  await unit.start();
  const processes = await service.processes();
  const stopped = unit.stop();
  await unit.log.next(/^generation 1 got SIGINT$/);
  process.kill(await unit.mainPid(), "SIGKILL");
  await stopped;
  expect(processes).toHaveLength(2);
  expect(processes.filter(isAlive)).toEqual([]);
  expect(await unit.property("NRestarts")).toBe("0");
  service.deploy(answering("good"));
  expect(await service.ask()).toBe("good from generation 1");
});

test("sockets of --listen go with it: clients are refused, until the next one has bound them again", async () => {
  const service = await new TestService().start();
  const pid = await service.supervisor.serving(1);
  service.supervisor.signal("SIGKILL");
  await service.supervisor.ended;
  await eventually(() => expect(isAlive(pid)).toBe(false));
  await expect(service.ask()).rejects.toThrow(/ECONNREFUSED/);
  await service.start();
  await service.expectRecovery(2);
});
