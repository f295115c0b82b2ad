// The supervisor is killed (SIGKILL) in each of its states, under Restart=on-failure: its sockets survive, clients wait for
// the restart and for nothing else, and no process is left of any generation.

import { copyFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { askOnce } from "../support/line-client.js";
import { isAlive } from "../support/processes.js";
import { answering, endServices, TestService } from "../support/service.js";
import { APPS } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(async () => {
  await removeUnits();
  await endServices();
});

/** A service of the template unit with a stream socket, whose program is to be deployed. */
class KilledService {
  readonly unit: TestUnit;
  private readonly address: string;

  constructor(options = "") {
    this.unit = installApp({
      command: directory => `${directory}/app`,
      options,
      service: ["RestartSec=100ms"],
    });
    copyFileSync(`${APPS}answer.py`, `${this.unit.directory}/answer.py`);
    const [, instance] = this.unit.name.split("@");
    this.address = `${process.env.XDG_RUNTIME_DIR}/zerodown/${instance}.sock`;
  }

  deploy(script: string): void {
    const app = `${this.unit.directory}/app`;
    writeFileSync(`${app}.new`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    renameSync(`${app}.new`, app);
  }

  /** What a new client is answered. */
  ask(): Promise<string> {
    return askOnce({ path: this.address });
  }

  async reload(): Promise<void> {
    await this.unit.must("reload", this.unit.service);
  }

  /** Begins a reload whose outcome nobody waits for. */
  async beginReload(): Promise<void> {
    await this.unit.must("--no-block", "reload", this.unit.service);
  }

  /** The pids of all processes of the unit. */
  async processes(): Promise<number[]> {
    const directory = `/sys/fs/cgroup${await this.unit.property("ControlGroup")}`;
    return readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter(file => /(^|\/)cgroup\.procs$/.test(file))
      .flatMap(file => readFileSync(`${directory}/${file}`, "utf8").split("\n").filter(Boolean).map(Number));
  }
}

const SLOW = "echo candidate; exec sleep 1000";

/** Each brings the service into its state; what is killed then is the supervisor. */
const STATES: [string, string, (service: KilledService) => Promise<unknown>][] = [
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
    const service = new KilledService(options);
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
  const service = new KilledService();
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
