// Servers that know nothing of Zerodown, with workers in place of their own master process: strict clients through 10 reloads,
// all at once and one by one, through crashes and through recycling.

import { afterEach, expect, test } from "@jest/globals";
import { kill } from "../soak/kill.js";
import { eventually } from "../support/eventually.js";
import { HttpLoad, killLoads, type LoadOptions, loopback } from "../support/http-load.js";
import { HUNG, mayHang } from "../support/server-unit.js";
import { APPS, EXAMPLE_APP } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";
import { workersOf } from "../support/unit-workers.js";

afterEach(killLoads);
afterEach(removeUnits);

const RELOADS = 10;

const SERVERS = {
  // Without the library; it drains as docs/node.md says.
  node: { command: `node ${EXAMPLE_APP}`, options: "", keeps: true },
  // One process of it serves; its own master only watches that.
  gunicorn: {
    command: `/usr/bin/gunicorn --chdir ${APPS} --workers 1 --log-level warning wsgi:application`,
    options: "--stop-signal SIGTERM",
    keeps: true,
  },
  puma: {
    command: `/usr/bin/puma --quiet --config ${APPS}puma.rb`,
    // One that hangs is killed well before the test must end.
    options: "--stop-signal SIGTERM --ready accept --stop-timeout 30s",
    // It closes kept connections at its end, and tells no client of it before.
    keeps: false,
  },
};

function install(name: keyof typeof SERVERS, moreOptions: string) {
  const { command, options } = SERVERS[name];
  const address = loopback();
  const unit = installApp({
    command,
    options: `${moreOptions} ${options}`,
    socket: ["ListenStream=", `ListenStream=${address.host}:${address.port}`],
    service: ["Environment=IDLE_GRACE=2000"],
  });
  return { address, unit };
}

test.each([
  ["node", 4],
  ["node", 1],
  ["gunicorn", 4],
  ["gunicorn", 1],
  // Its stop takes puma seconds, and one by one they add up to more than a test may take.
  ["puma", 4],
] as const)(
  `%s with --workers 4 --surge %i: ${RELOADS} reloads, and no request is lost`,
  async (name, surge) => {
    const { address, unit } = install(name, `--workers 4 --surge ${surge}`);
    await unit.start();
    const loads = [SERVERS[name].keeps, false].map(
      keepAlive => new HttpLoad(address, { clients: 4, keepAlive, pause: 10 }),
    );
    for (let generation = 2; generation <= RELOADS + 1; generation++) {
      await unit.reload();
      for (const load of loads) await load.answers(2, new RegExp(`generation ${generation},`));
    }
    await Promise.all(loads.map(load => load.stop()));
    expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
    expect(Math.min(...loads.map(({ requests }) => requests))).toBeGreaterThan(RELOADS * 4);
    const hung = mayHang(name) ? unit.log.matching(HUNG) : [];
    expect(hung.length).toBeLessThanOrEqual(RELOADS / 2);
    expect(unit.log.matching(/did not stop in time|was killed|internal error/)).toEqual(hung);
    console.log(`${name}, --surge ${surge}: ${loads.map(({ requests }) => requests)} requests`);
  },
  540_000,
);

/** Remembers on which connections requests failed. */
class WatchedLoad extends HttpLoad {
  readonly ports: (number | undefined)[] = [];

  protected override failed(why: string, port: number | undefined): void {
    super.failed(why, port);
    this.ports.push(port);
  }
}

test("a crash of one worker costs the requests on its own connections, and no other", async () => {
  const { address, unit } = install("node", "--workers 4");
  await unit.start();
  const options: LoadOptions = { clients: 8, keepAlive: true, pause: 2 };
  const loads = [new WatchedLoad(address, options), new WatchedLoad(address, { ...options, keepAlive: false })];
  const theirs = new Set<number>();
  for (let slot = 0; slot < 4; slot++) {
    for (const load of loads) await load.answers(50, /generation 1,/);
    const { pid } = (await workersOf(unit)).find(worker => worker.slot === slot)!;
    for (const port of (await kill(pid))!.ports) theirs.add(port);
    await unit.log.next(new RegExp(`worker ${slot} of generation 1 \\(pid \\d+\\) serving: `));
  }
  await Promise.all(loads.map(load => load.stop()));
  const failed = loads.flatMap(({ ports }) => ports);
  expect(failed.filter(port => port === undefined || !theirs.has(port))).toEqual([]);
  // Each connection once: whatever came after found another worker.
  expect(new Set(failed).size).toBe(failed.length);
  expect(failed.length).toBeGreaterThan(0);
  console.log(
    `4 crashes: ${failed.length} of ${loads[0]!.requests + loads[1]!.requests} requests, of ${theirs.size} connections`,
  );
}, 120_000);

test("20 workers are recycled by --max-age, and no request is lost", async () => {
  const { address, unit } = install("node", "--workers 4 --max-age 4s");
  await unit.start();
  const loads = [true, false].map(keepAlive => new HttpLoad(address, { clients: 4, keepAlive, pause: 10 }));
  const drained = /worker \d of generation 1 \(pid \d+\) drained and exited with status 0$/;
  for (let count = 1; count <= 20; count++) {
    for (const load of loads) await load.answers(2, /generation 1,/);
    await eventually(() => expect(unit.log.matching(drained).length).toBeGreaterThanOrEqual(count));
  }
  await Promise.all(loads.map(load => load.stop()));
  expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
  expect(unit.log.matching(/did not stop in time|was killed|internal error/)).toEqual([]);
}, 240_000);
