// serve({ reusePort: true }): each generation binds the port for itself, beside the one before it.

import { expect, test } from "@jest/globals";
import { canSharePort } from "../../src/library/listen-itself.js";
import { ROOT } from "../support/supervisor.js";
import { TestProcess } from "../support/test-process.js";

const RELOADS = 20;

/** Runs in a network namespace of its own, because the setting is that of one. Prints the failures as JSON. */
const PROGRAM = `
import { writeFileSync } from "node:fs";
import { HttpLoad } from "${ROOT}build/test/support/http-load.js";
import { TestSupervisor } from "${ROOT}build/test/support/supervisor.js";

writeFileSync("/proc/sys/net/ipv4/tcp_migrate_req", process.env.MIGRATE);
const app = \`
  import { createServer } from "node:http";
  import { serve } from "${ROOT}dist/index.js";
  const text = "generation " + process.env.ZERODOWN_GENERATION;
  const server = createServer((_, response) => response.end(text));
  server.keepAliveTimeout = 500;
  await serve(server, { listen: "127.0.0.1:8080", reusePort: true });
\`;
const supervisor = new TestSupervisor(["--", process.execPath, "--input-type=module", "--eval", app]);
await supervisor.serving(1);
const loads = [false, true].map(keepAlive => new HttpLoad({ host: "127.0.0.1", port: 8080 }, { clients: 8, keepAlive, pause: 1 }));
for (let generation = 2; generation <= ${RELOADS} + 1; generation++) {
  await supervisor.reload();
  await Promise.all(loads.map(load => load.answers(20, new RegExp("^generation " + generation + "$"))));
}
await Promise.all(loads.map(load => load.stop()));
await supervisor.stop();
const hints = [/with reusePort a reload loses/, /reloads lose clients then without net.ipv4.tcp_migrate_req=1/];
const told = hints.map(hint => supervisor.log.matching(hint).length);
console.log(JSON.stringify({ told, requests: loads.map(load => load.requests), failures: loads.flatMap(load => load.failures) }));
`;

async function reloads(migrate: string): Promise<{ told: number[]; requests: number[]; failures: string[] }> {
  const script = 'ip link set lo up && exec "$@"';
  const node = [process.execPath, "--input-type=module", "--eval", PROGRAM];
  const run = new TestProcess("unshare", ["--net", "sh", "-c", script, "sh", ...node], { env: { MIGRATE: migrate } });
  const { status } = await run.ended;
  if (status !== 0) throw new Error(run.errors.lines.join("\n"));
  return JSON.parse(run.output.lines.at(-1)!);
}

if (canSharePort(process.versions.node)) {
  test("with net.ipv4.tcp_migrate_req=1 reloads lose next to nothing; without it each generation says what it may", async () => {
    const [without, migrating] = [await reloads("0"), await reloads("1")];
    for (const [setting, { requests, failures }] of Object.entries({ 0: without, 1: migrating })) {
      const [fresh, kept] = [/^new/, /^kept/].map(kind => failures.filter(text => kind.test(text)).length);
      console.log(
        `tcp_migrate_req=${setting}: lost ${fresh} of ${requests[0]} on new connections, ${kept} of ${requests[1]} on kept ones`,
      );
    }
    // As in own-sockets.test.ts.
    expect(migrating.failures.length).toBeLessThanOrEqual(1);
    // Each generation, and the supervisor once.
    expect([without.told, migrating.told]).toEqual([
      [RELOADS + 1, 1],
      [0, 0],
    ]);
  }, 180_000);
} else {
  test("on an older Node no generation starts with it, and the reason is in the log", async () => {
    console.log(`left out: reloads with reusePort, because Node ${process.versions.node} can't (22.12 can)`);
    const app = `import { createServer } from "node:net"; import { serve } from "${ROOT}dist/index.js"; await serve(createServer(), { listen: 0, reusePort: true });`;
    const run = new TestProcess(`${ROOT}dist/zerodown.cjs`, [
      "run",
      "--",
      process.execPath,
      "--input-type=module",
      "--eval",
      app,
    ]);
    expect((await run.ended).status).toBe(1);
    expect(run.errors.matching(/its last status: Error: serve\(\): { reusePort: true } takes Node 22\.12/)).not.toEqual(
      [],
    );
  });
}
