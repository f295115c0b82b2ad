// The load runs in a process of its own, so that the measuring isn't in its way. Its arguments are host, port, and how often each client
// asks, ms; 10 by default.
//
// The usual clients won't do. wrk prints totals, which don't tell what happened during reloads, nor when anything was lost;
// and it asks as fast as it can, so a server that stalls is asked less. autocannon (9.0) connects again and counts nothing
// when a connection is closed under a request.

import { HttpLoad, type Sample } from "../support/http-load.js";
import { now, sinceOrigin } from "./clock.js";
import type { LoadSample } from "./load-process.js";

const CLIENTS = 8;
/** A request that hangs for this long is lost, ms. */
const PATIENCE = 5000;

const [host, port, every = "10"] = process.argv.slice(2);
const target = { host: host!, port: Number(port) };
const samples: LoadSample[] = [];
const pids = new Set<string>();

function record(kept: boolean, { start, duration, body }: Sample): void {
  const sample = { start: sinceOrigin(start), duration };
  samples.push({ ...sample, kept, lost: body === undefined });
  const pid = /pid (\d+)/.exec(body ?? "")?.[1];
  if (pid === undefined || pids.has(pid)) return;
  pids.add(pid);
  process.send!({ serving: now(), pid: Number(pid) });
}

const loads = [false, true].map(
  keepAlive =>
    new HttpLoad(target, {
      clients: CLIENTS,
      keepAlive,
      every: Number(every),
      patience: PATIENCE,
      record: sample => record(keepAlive, sample),
    }),
);

process.once("message", async () => {
  await Promise.all(loads.map(load => load.stop()));
  samples.sort((a, b) => a.start - b.start);
  const reconnected = loads[1]!.opened - CLIENTS;
  const failures = loads.flatMap(({ failures }) => failures);
  process.send!({ samples, failures, reconnected }, () => process.disconnect());
});
