// Accept queues under a real systemd: equal ListenStream= lines with ReusePort=yes, shared out over the slots.

import { execFileSync } from "node:child_process";
import { closeSync, readFileSync, readlinkSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { parseListen } from "../../src/linux/sockets/address.js";
import { bindSocket } from "../../src/linux/sockets/bind.js";
import { eventually } from "../support/eventually.js";
import { ask, HttpLoad, killLoads, loopback } from "../support/http-load.js";
import { EXAMPLE_APP, killSupervisors, TestSupervisor, ZERODOWN } from "../support/supervisor.js";
import { installApp, removeUnits, type TestUnit } from "../support/unit.js";

afterEach(killLoads);
afterEach(killSupervisors);
afterEach(removeUnits);

const QUEUES = 4;
const RELOADS = 8;
const COMMAND = `node ${EXAMPLE_APP}`;

function install(options: string, lines: number = QUEUES) {
  const address = loopback();
  const text = `${address.host}:${address.port}`;
  const socket = ["ListenStream=", "ReusePort=yes", ...Array.from({ length: lines }, () => `ListenStream=${text}`)];
  const unit = installApp({ command: COMMAND, options, socket, service: ["Environment=IDLE_GRACE=2000"] });
  return { address, text, unit };
}

interface Status {
  readonly generations: { state: string; pid: number; workers?: { slot: number; pid: number; queues: number[] }[] }[];
  readonly sockets: { fd: number; queue?: number; waiting?: number }[];
  readonly foreignSockets: object[];
}

function statusOf(...target: string[]): Status {
  return JSON.parse(execFileSync(ZERODOWN, ["status", "--json", ...target], { encoding: "utf8" }));
}

function serving({ generations }: Status) {
  const { workers } = generations.find(({ state }) => state === "serving")!;
  return workers!.map(({ slot, pid, queues }) => ({ slot, pid, queues }));
}

function zerodown(command: string, ...args: string[]): { status: number; stderr: string } {
  try {
    execFileSync(ZERODOWN, [command, "--user", ...args], { encoding: "utf8", stdio: "pipe" });
    return { status: 0, stderr: "" };
  } catch (error) {
    return error as { status: number; stderr: string };
  }
}

/** What a descriptor of a process leads to. */
function socketAt(pid: number, fd: number): string {
  return readlinkSync(`/proc/${pid}/fd/${fd}`);
}

/** What these descriptors lead to, from 3 on. */
function socketsAt(pid: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => socketAt(pid, 3 + index));
}

function listenFds(pid: number): string {
  return /^LISTEN_FDS=(.*)$/m.exec(readFileSync(`/proc/${pid}/environ`, "utf8").replaceAll("\0", "\n"))![1]!;
}

/** How many of these connections each process answers, by its pid. */
async function spread(address: { host: string; port: number }, connections: number): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  for (let index = 0; index < connections; index++) {
    const pid = Number(/pid (\d+)/.exec(await ask(address))![1]);
    counts.set(pid, (counts.get(pid) ?? 0) + 1);
  }
  return counts;
}

/** Each worker has the queue of its slot as descriptor 3, and no other. */
async function expectOwnQueues(unit: TestUnit): Promise<void> {
  const passed = socketsAt(await unit.mainPid(), QUEUES);
  expect(new Set(passed).size).toBe(QUEUES);
  const workers = serving(statusOf("--user", unit.service));
  expect(workers.map(({ slot, queues }) => [slot, queues])).toEqual([
    [0, [0]],
    [1, [1]],
    [2, [2]],
    [3, [3]],
  ]);
  for (const { slot, pid } of workers) expect([listenFds(pid), socketAt(pid, 3)]).toEqual(["1", passed[slot]]);
}

describe("with as many queues as workers", () => {
  test("each worker accepts on its own, in every generation, and clients are spread over them", async () => {
    const { address, unit } = install(`--workers ${QUEUES} --ready notify+accept`);
    await unit.start();
    expect(unit.log.matching(/ with 4 queues$/)).toHaveLength(1);
    for (const generation of [1, 2]) {
      if (generation > 1) {
        await unit.reload();
        await unit.log.next(/worker 3 of generation 1 .* drained/);
      }
      await expectOwnQueues(unit);
      const counts = await spread(address, 200);
      // 50 each, with a standard deviation of 6.
      expect(counts.size).toBe(QUEUES);
      expect(Math.min(...counts.values())).toBeGreaterThan(15);
    }
    expect(unit.log.matching(/never seen to wait|internal error/)).toEqual([]);
  });

  test("one that crashes leaves its queue to the next in its slot: whoever waits there is answered", async () => {
    const { address, unit } = install(`--workers ${QUEUES}`);
    await unit.start();
    const workers = serving(statusOf("--user", unit.service));
    // What is stopped accepts nobody.
    process.kill(workers[2]!.pid, "SIGSTOP");
    const answers = Array.from({ length: 60 }, () => ask(address));
    let answered = 0;
    for (const answer of answers) answer.then(() => answered++);
    // Those of the others are answered; the rest waits.
    const waiting = await eventually(() => {
      const counts = statusOf("--user", unit.service).sockets.map(socket => socket.waiting!);
      expect(counts).toEqual([0, 0, answers.length - answered, 0]);
      return counts[2]!;
    });
    expect(waiting).toBeGreaterThan(0);
    process.kill(workers[2]!.pid, "SIGKILL");
    const pids = (await Promise.all(answers)).map(answer => Number(/pid (\d+)/.exec(answer)![1]));
    expect(pids).not.toContain(workers[2]!.pid);
    const again = serving(statusOf("--user", unit.service)).find(({ slot }) => slot === 2)!;
    expect(pids.filter(pid => pid === again.pid)).toHaveLength(waiting);
  });

  test.each([QUEUES, 1])(
    `--surge %i: ${RELOADS} reloads, and no request is lost`,
    async surge => {
      const { address, unit } = install(`--workers ${QUEUES} --surge ${surge}`);
      await unit.start();
      const loads = [true, false].map(keepAlive => new HttpLoad(address, { clients: 6, keepAlive, pause: 10 }));
      for (let generation = 2; generation <= RELOADS + 1; generation++) {
        await unit.reload();
        for (const load of loads) await load.answers(2, new RegExp(`generation ${generation},`));
      }
      await Promise.all(loads.map(load => load.stop()));
      expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
      expect(Math.min(...loads.map(({ requests }) => requests))).toBeGreaterThan(RELOADS * 4);
      await expectOwnQueues(unit);
      expect(unit.log.matching(/did not stop in time|was killed|internal error/)).toEqual([]);
      console.log(`--surge ${surge}: ${loads.map(({ requests }) => requests)} requests on kept and new connections`);
    },
    300_000,
  );

  test("fewer workers are refused, by command and by signal; more share the queues", async () => {
    const { unit } = install(`--workers ${QUEUES}`);
    await unit.start();
    const reason = "There are 4 accept queues, and each takes a worker";
    expect(zerodown("scale", unit.service, "3")).toMatchObject({ status: 1, stderr: `zerodown: ${reason}\n` });
    const refused = new RegExp(`3 workers refused: ${reason}`);
    await unit.log.next(refused);
    const from = unit.log.count;
    process.kill(await unit.mainPid(), "SIGTTOU");
    await unit.log.next(refused, from);
    expect(serving(statusOf("--user", unit.service))).toHaveLength(QUEUES);
    expect(zerodown("scale", unit.service, "6").status).toBe(0);
    const workers = serving(statusOf("--user", unit.service));
    expect(workers.map(({ queues }) => queues[0])).toEqual([0, 1, 2, 3, 0, 1]);
    expect(socketAt(workers[5]!.pid, 3)).toBe(socketAt(workers[1]!.pid, 3));
  });

  test("a socket of another process on that address is told of", async () => {
    const { text, unit } = install(`--workers ${QUEUES}`);
    await unit.start();
    expect(statusOf("--user", unit.service).foreignSockets).toEqual([]);
    const fd = bindSocket(parseListen("stream", text), { reusePort: true });
    const status = execFileSync(ZERODOWN, ["status", "--user", unit.service], { encoding: "utf8" });
    closeSync(fd);
    expect(status).toContain(
      `stream ${text}: process ${process.pid} (node) listens there, too, and gets a share of its clients\n`,
    );
  });
});

test("more queues than workers: refused at the start, before anything runs", async () => {
  const { text, unit } = install("--workers 3");
  await unit.listen();
  expect((await unit.systemctl("start", unit.service)).status).toBe(1);
  await unit.log.next(
    new RegExp(
      `^zerodown: --workers 3: .* \\(stream ${text}\\) has 4 accept queues, and each takes a worker: give --workers 4 or more, or fewer queues$`,
    ),
  );
  expect(await unit.property("ExecMainStatus")).toBe("78");
  expect(unit.log.matching(/ started$/)).toEqual([]);
});

test("without --workers every generation gets all of them, and so do the workers that it is scaled to", async () => {
  const { unit } = install("");
  await unit.start();
  const passed = socketsAt(await unit.mainPid(), QUEUES);
  const { generations, sockets } = statusOf("--user", unit.service);
  const { pid } = generations[0]!;
  expect([listenFds(pid), socketsAt(pid, QUEUES)]).toEqual(["4", passed]);
  expect(sockets.map(({ fd, queue }) => [fd, queue])).toEqual([3, 4, 5, 6].map(fd => [fd, undefined]));
  expect(zerodown("scale", unit.service, "2").status).toBe(0);
  const workers = serving(statusOf("--user", unit.service));
  expect(workers.map(worker => [listenFds(worker.pid), socketsAt(worker.pid, QUEUES)])).toEqual([
    ["4", passed],
    ["4", passed],
  ]);
});

test("--listen with the same address several times makes queues, too; --ready accept looks at a slot's own", async () => {
  const address = loopback();
  const listen = ["--listen", `web=${address.host}:${address.port}`];
  const options = [...listen, "--listen", `@queues-${process.pid}`, ...listen, "--workers", "2", "--ready", "accept"];
  const both = `import http from "node:http"; for (const fd of [3, 4]) http.createServer((_, response) => response.end(\`pid \${process.pid}\`)).listen({ fd });`;
  const supervisor = new TestSupervisor([...options, "--", "node", "--input-type=module", "--eval", both], {
    env: { NOTIFY_SOCKET: undefined },
  });
  await supervisor.log.next(/generation 1 \(2 workers\) serving/);
  const workers = serving(statusOf("--pid", String(supervisor.pid)));
  expect(workers.map(({ pid }) => listenFds(pid))).toEqual(["2", "2"]);
  const [first, second] = workers.map(({ pid }) => socketsAt(pid, 2));
  expect(first![0]).not.toBe(second![0]);
  expect(first![1]).toBe(second![1]);
  expect((await spread(address, 60)).size).toBe(2);
});
