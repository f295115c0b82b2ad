// Tests the library in the frameworks that people use: each serves strict clients through reloads, loses no request, and ends
// by itself. docs/node-frameworks.md shows the apps.

import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ask, HttpLoad, type LoadOptions, loopback } from "../support/http-load.js";
import { RawClient } from "../support/node-app.js";
import { killSupervisors, ROOT, TestSupervisor, temporaryDirectory } from "../support/supervisor.js";
import { WebSocketLoad } from "../support/web-socket-load.js";

const FRAMEWORKS = `${ROOT}test/frameworks/`;
const RELOADS = 5;
/** How long every app leaves idle connections open once it is told to stop, ms: the 5 s of node:http, and a second more. */
const IDLE_GRACE = 6000;
const SLOWEST_REQUEST = 500;
/** How long the work itself may take on a busy machine, ms. */
const SLACK = 5000;
const WEB_SOCKETS = 5;
const TIMEOUT = 300_000;

interface App {
  /** Node's arguments. */
  readonly args: readonly string[];
  /** @default FRAMEWORKS */
  readonly directory?: string;
  readonly options?: readonly string[];
}

const NEXT = { directory: `${FRAMEWORKS}next/` };
const NEXT_SERVER = { ...NEXT, args: ["server.mjs"] };
const NEXT_START = {
  ...NEXT,
  args: ["--import=./zerodown.mjs", `${FRAMEWORKS}node_modules/next/dist/bin/next`, "start"],
};

const APPS: Record<string, App> = {
  Express: { args: ["express.mjs"] },
  Fastify: { args: ["fastify.mjs"] },
  Koa: { args: ["koa.mjs"] },
  Hono: { args: ["hono.mjs"] },
  ws: { args: ["ws.mjs"] },
  "Next.js, a server of one's own": NEXT_SERVER,
  "Next.js, next start": { ...NEXT_START, options: ["--settle=1s"] },
};

const KEPT = { clients: 3, keepAlive: true, pause: 10 };
const NEW = { clients: 2, keepAlive: false, pause: 10 };
const POST = {
  request: {
    path: "/echo",
    body: Buffer.from(JSON.stringify({ text: "x".repeat(20_000) })),
    type: "application/json",
  },
};
const LOADS: readonly LoadOptions[] = [
  KEPT,
  NEW,
  { ...KEPT, ...POST },
  { ...NEW, ...POST },
  { ...KEPT, request: { path: "/slow" } },
];

const closers: (() => unknown)[] = [];
beforeAll(() => {
  if (!existsSync(`${NEXT.directory}.next/BUILD_ID`)) throw new Error("make frameworks installs what these tests need");
});
afterAll(async () => {
  await killSupervisors();
  await Promise.all(closers.map(close => close()));
});

function start({ args, directory = FRAMEWORKS, options = [] }: App) {
  const address = loopback();
  const sockets = ["--listen", `${address.host}:${address.port}`];
  const command = ["--", process.execPath, ...args];
  const env = { NEXT_TELEMETRY_DISABLED: "1" };
  return {
    address,
    supervisor: new TestSupervisor([...sockets, "--working-directory", directory, ...options, ...command], { env }),
  };
}

// The tests run all at once, because most of their time is that of an idle connection.
test.concurrent.each(Object.entries(APPS))(
  `%s: ${RELOADS} reloads, and no request is lost`,
  async (name, app) => {
    const { address, supervisor } = start(app);
    await supervisor.serving(1);
    const idle = new RawClient(address.port, address.host).get();
    await idle.until(/generation 1/);
    const webSockets = name === "ws" ? [new WebSocketLoad(address, WEB_SOCKETS)] : [];
    const loads = [...LOADS.map(load => new HttpLoad(address, load)), ...webSockets];
    for (const load of loads) closers.push(() => load.stop());

    const drains: Promise<number>[] = [];
    for (let generation = 2; generation <= RELOADS + 1; generation++) {
      expect(await supervisor.reload()).toMatch(new RegExp(`generation ${generation} \\(pid \\d+\\) serving: `));
      drains.push(drained(supervisor, generation - 1));
      await Promise.all(loads.map(load => load.answers(5, new RegExp(`generation ${generation}`))));
    }
    await Promise.all(loads.map(load => load.stop()));
    const times = await Promise.all(drains);
    await idle.closed;

    expect(loads.flatMap(load => load.failures)).toEqual([]);
    expect(webSockets.filter(({ restarts }) => restarts < WEB_SOCKETS * RELOADS)).toEqual([]);
    expect(idle.text).not.toMatch(/<E/);
    expect(times.filter(time => time > SLOWEST_REQUEST + IDLE_GRACE + SLACK)).toEqual([]);
    expect(await supervisor.stop()).toEqual({ status: 0, signal: null });
    expect(supervisor.log.matching(/drained and exited with status 0$/)).toHaveLength(RELOADS + 1);
    expect(supervisor.log.matching(/killed|exited with status [^0]/)).toEqual([]);
    expect(supervisor.output.matching(/^no request needs/)).toHaveLength(name === "Fastify" ? RELOADS + 1 : 0);
  },
  TIMEOUT,
);

/** Resolves when that generation has exited by itself, with the time that it took from now on, ms. */
async function drained(supervisor: TestSupervisor, generation: number): Promise<number> {
  const start = performance.now();
  await supervisor.log.next(new RegExp(`generation ${generation} .* drained and exited with status 0$`));
  return performance.now() - start;
}

test.concurrent.each([
  ["a server of one's own", NEXT_SERVER],
  // `next start` says that it listens before it has looked at what it serves.
  ["next start with --settle", { ...NEXT_START, options: ["--settle=60s"] }],
])(
  "Next.js, %s: the reload to a release that isn't built fails, and the old one serves on",
  async (_, app) => {
    const { path, remove } = temporaryDirectory();
    closers.push(remove);
    mkdirSync(`${path}/empty/app`, { recursive: true });
    for (const file of ["server.mjs", "zerodown.mjs"]) symlinkSync(`${NEXT.directory}${file}`, `${path}/empty/${file}`);
    symlinkSync(NEXT.directory, `${path}/current`);
    const { address, supervisor } = start({ ...app, directory: `${path}/current` });
    await supervisor.serving(1);
    symlinkSync(`${path}/empty`, `${path}/next`);
    renameSync(`${path}/next`, `${path}/current`);
    expect(await supervisor.reload()).toMatch(/reload failed .* generation 2 .* exited with status 1/);
    expect(supervisor.log.matching(/Could not find a production build/)).not.toEqual([]);
    expect(await ask(address)).toMatch(/generation 1/);
    expect(await supervisor.stop()).toEqual({ status: 0, signal: null });
  },
  TIMEOUT,
);

test("docs/node-frameworks.md shows the apps as they are", () => {
  const shown = readFileSync(`${ROOT}docs/node-frameworks.md`, "utf8").matchAll(/^```js\n(.*?)^```$/gms);
  const files = ["express", "fastify", "koa", "hono", "ws", "next/server", "next/zerodown"];
  const apps = files.map(file => readFileSync(`${FRAMEWORKS}${file}.mjs`, "utf8"));
  expect([...shown].map(([, text]) => text)).toEqual(apps);
});
