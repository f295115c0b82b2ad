// The library under load, through 100 reloads by a real systemd: strict clients of every kind, and none loses a request. Those
// that keep a connection of HTTP/1.1 without TLS never need another one.

import { afterEach, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { HttpLoad, killLoads, type LoadOptions, loopback } from "../support/http-load.js";
import { APPS } from "../support/supervisor.js";
import { installApp, removeUnits } from "../support/unit.js";

afterEach(killLoads);
afterEach(removeUnits);

const RELOADS = 100;
const KEPT = { clients: 5, keepAlive: true };
const NEW = { clients: 3, keepAlive: false };
const BODY = { body: Buffer.alloc(20_000, "x") };

/**
 * The loads on each socket. Where connections don't move, an idle connection ends after 5 s in a drain (idleGrace), else after 6 s (keepAliveTimeout, and a
 * second that Node adds). A client that asks a moment before or after that may find it closed, whoever serves, on a machine
 * that is busy just then: these keep a second or two away from it.
 */
const LOADS: Record<string, Record<string, LoadOptions>> = {
  http: {
    "kept connections": KEPT,
    "many kept connections": { clients: 150, keepAlive: true, pause: 200 },
    "new connections": NEW,
    "POST, kept connections": { ...KEPT, request: BODY },
    "POST, new connections": { ...NEW, request: BODY },
    "pipelined requests": { ...KEPT, pipelined: 5 },
    "an app that answers before it has read the body": { ...KEPT, request: { ...BODY, path: "/early" } },
    "an app that says keep-alive itself": { ...KEPT, request: { path: "/keep" } },
    "clients idle for 4 s": { ...KEPT, pause: 4000 },
    "clients idle for 8 s": { ...KEPT, pause: 8000 },
    "responses that stream for 3 s": { ...KEPT, request: { path: "/stream?3000" } },
    "responses after 300 ms": { ...KEPT, request: { path: "/slow?300" } },
    "uploads of 10 MB in 2 s": { clients: 1, keepAlive: true, request: { body: Buffer.alloc(10e6), slowly: 2000 } },
  },
  https: {
    "kept connections": { ...KEPT, tls: true },
    "new connections": { ...NEW, tls: true, pause: 20 },
    "POST, kept connections": { ...KEPT, tls: true, request: BODY },
  },
  h2c: {
    "one request at a time": { ...KEPT, version: 2 },
    "POST, ten at a time": { ...KEPT, version: 2, pipelined: 10, request: BODY },
    "new connections": { ...NEW, version: 2, pause: 20 },
  },
  h2: {
    "one request at a time": { ...KEPT, version: 2, tls: true },
    "ten at a time": { ...KEPT, version: 2, tls: true, pipelined: 10 },
    "idle for 4 s": { ...KEPT, version: 2, tls: true, pause: 4000 },
    "responses that stream for 3 s": { ...KEPT, version: 2, tls: true, request: { path: "/stream?3000" } },
    "HTTP/1.1, kept connections": { ...KEPT, tls: true },
  },
};

test(`${RELOADS} reloads: no request of any client is lost`, async () => {
  const { host } = loopback();
  const ports = { http: 8080, https: 8443, h2c: 8081, h2: 8444 };
  const { http, ...others } = ports;
  const unit = installApp({
    command: `node ${APPS}serve.mjs`,
    options: Object.entries(others)
      .map(([name, port]) => `--listen ${name}=${host}:${port}`)
      .join(" "),
    socket: ["ListenStream=", `ListenStream=${host}:${http}`, "FileDescriptorName=http"],
  });
  await unit.start();
  const loads = Object.entries(LOADS).flatMap(([socket, kinds]) =>
    Object.entries(kinds).map(([kind, options]) => {
      const load = new HttpLoad({ host, port: ports[socket as keyof typeof ports] }, options);
      return { kind: `${socket}: ${kind}`, load };
    }),
  );
  for (let generation = 2; generation <= RELOADS + 1; generation++) {
    await unit.reload();
    await loads[0]!.load.answers(5, new RegExp(`generation ${generation},`));
  }
  await Promise.all(loads.map(({ load }) => load.stop()));

  const failed = loads.flatMap(({ kind, load }) => load.failures.map(failure => `${kind}: ${failure}`));
  expect(failed).toEqual([]);
  const kept = loads.filter(({ kind }) => /^http: (?!.*(new connections|idle for 8 s))/.test(kind));
  expect(kept.length).toBeGreaterThan(9);
  // Each has its own, from the first to the last.
  const moved = ({ kind, load }: (typeof loads)[number]) => [kind, load.opened];
  expect(kept.map(moved)).toEqual(kept.map(({ kind }) => [kind, LOADS.http![kind.slice("http: ".length)]!.clients]));
  const idle = loads.filter(({ load }) => load.requests < 5).map(({ kind }) => kind);
  expect(idle).toEqual([]);
  expect(loads.reduce((sum, { load }) => sum + load.requests, 0)).toBeGreaterThan(20_000);
  // Each was done within its grace, and said so.
  await eventually(() => expect(unit.log.matching(/drained and exited with status 0$/).length).toBe(RELOADS));
  expect(unit.log.matching(/killed|exited with status [^0]/)).toEqual([]);
}, 600_000);
