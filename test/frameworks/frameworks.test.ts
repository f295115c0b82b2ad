// Tests the library in the frameworks that people use: each serves strict clients through reloads, loses no request, and ends
// by itself. docs/node-frameworks.md shows the apps.

import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { GrpcLoad } from "../support/grpc-load.js";
import { ask, HttpLoad, type LoadOptions, loopback } from "../support/http-load.js";
import { RawClient } from "../support/node-app.js";
import { SocketIoLoad } from "../support/socket-io-load.js";
import { killSupervisors, ROOT, TestSupervisor, temporaryDirectory } from "../support/supervisor.js";
import { WebSocketLoad } from "../support/web-socket-load.js";

const FRAMEWORKS = `${ROOT}test/frameworks/`;
const RELOADS = 4;
/** How long every app leaves idle connections open once it is told to stop, ms: the 5 s of node:http, and a second more. */
const IDLE_GRACE = 6000;
const SLOWEST_REQUEST = 500;
/** How long the work itself may take on a busy machine, ms. */
const SLACK = 5000;
/** How many clients each kind of WebSockets has. */
const WEB_SOCKETS = 5;
const TIMEOUT = 300_000;

interface App {
  /** Node's arguments. */
  readonly args: readonly string[];
  /** @default FRAMEWORKS */
  readonly directory?: string;
  readonly options?: readonly string[];
  /** Prints a line when it closes what only it has, after the drain. */
  readonly closes?: true;
  /** What clients do, by the name of what they may lose. @default HTTP */
  readonly loads?: (address: Address) => Record<string, readonly Load[]>;
}

type Address = ReturnType<typeof loopback>;
type Load = HttpLoad | WebSocketLoad | SocketIoLoad | GrpcLoad;

const NEXT = { directory: `${FRAMEWORKS}next/` };
const NEXT_SERVER = { ...NEXT, args: ["server.mjs"] };
const NEXT_START = {
  ...NEXT,
  args: ["--import=./zerodown.mjs", `${FRAMEWORKS}node_modules/next/dist/bin/next`, "start"],
};

const STANDALONE = `${NEXT.directory}.next/standalone/next/`;
const NEXT_STANDALONE = {
  directory: STANDALONE,
  args: [`--import=${NEXT.directory}zerodown.mjs`, "server.js"],
  options: ["--probe=http:/"],
};

const APPS: Record<string, App> = {
  Express: { args: ["express.mjs"] },
  Fastify: { args: ["fastify.mjs"], closes: true },
  Koa: { args: ["koa.mjs"] },
  Hono: { args: ["hono.mjs"] },
  Nest: { args: ["nest/main.mjs"], closes: true },
  "grpc-js": { args: ["grpc/main.mjs"], loads: grpc },
  ws: {
    args: ["ws.mjs"],
    loads: address => ({ ...http(address), "WebSocket messages": [new WebSocketLoad(address, WEB_SOCKETS)] }),
  },
  "Socket.IO": { args: ["socket.io.mjs"], loads: socketIo },
  "Next.js, a server of one's own": NEXT_SERVER,
  "Next.js, next start": { ...NEXT_START, options: ["--settle=1s"] },
  "Next.js, standalone": NEXT_STANDALONE,
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

function http(address: Address, options = LOADS) {
  const of = (keepAlive: boolean) =>
    options.filter(load => load.keepAlive === keepAlive).map(load => new HttpLoad(address, load));
  return { "requests on new connections": of(false), "on kept ones": of(true) };
}

function grpc(address: Address) {
  return {
    "calls on new connections": [new GrpcLoad(address, { clients: 2, keepAlive: false })],
    "on kept ones": [new GrpcLoad(address, { clients: 3, keepAlive: true })],
    streams: [new GrpcLoad(address, { clients: 3, keepAlive: true, streams: true })],
  };
}

function socketIo(address: Address) {
  return {
    ...http(address, [KEPT, NEW]),
    "messages by WebSocket": [new SocketIoLoad(address, ["websocket"], WEB_SOCKETS)],
    "by polling first": [new SocketIoLoad(address, ["polling", "websocket"], WEB_SOCKETS)],
    "by polling alone": [new SocketIoLoad(address, ["polling"], WEB_SOCKETS)],
  };
}

/** "lost 0 of 812 requests on new connections, 0 of 7002 on kept ones" */
function figures(loads: Record<string, readonly Load[]>): string {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const parts = Object.entries(loads).map(([what, some]) => {
    const [lost, all] = [sum(some.map(load => load.failures.length)), sum(some.map(load => load.requests))];
    const again = sum(some.map(load => ("unanswered" in load ? load.unanswered : 0)));
    return `${lost} of ${all} ${what}${again > 0 ? ` (${again} sent again)` : ""}`;
  });
  return `lost ${parts.join(", ")}`;
}

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
    const idle = new RawClient(address.port, address.host);
    // Something else than HTTP/1.1 has no idle connection of it.
    if (app.loads !== grpc) await idle.get().until(/generation 1/);
    const byName = (app.loads ?? http)(address);
    const loads: Load[] = Object.values(byName).flat();
    for (const load of loads) closers.push(() => load.stop());

    const drains: Promise<number>[] = [];
    for (let generation = 2; generation <= RELOADS + 1; generation++) {
      expect(await supervisor.reload()).toMatch(new RegExp(`generation ${generation} \\(pid \\d+\\) serving: `));
      drains.push(drained(supervisor, generation - 1));
      await Promise.all(loads.map(load => load.answers(15, new RegExp(`generation ${generation}`))));
    }
    await Promise.all(loads.map(load => load.stop()));
    const times = await Promise.all(drains);
    await idle.closed;
    console.log(`${name}: ${figures(byName)}`);

    expect(loads.flatMap(load => load.failures)).toEqual([]);
    // A client of Socket.IO may still wait for its next attempt when the next reload begins.
    const reconnecting = loads.filter(load => "restarts" in load).map(({ restarts }) => restarts);
    expect(Math.min(...reconnecting, Number.POSITIVE_INFINITY)).toBeGreaterThan(WEB_SOCKETS);
    expect(idle.text).not.toMatch(/<E/);
    expect(times.filter(time => time > SLOWEST_REQUEST + IDLE_GRACE + SLACK)).toEqual([]);
    expect(await supervisor.stop()).toEqual({ status: 0, signal: null });
    expect(supervisor.log.matching(/drained and exited with status 0$/)).toHaveLength(RELOADS + 1);
    expect(supervisor.log.matching(/killed|exited with status [^0]/)).toEqual([]);
    expect(supervisor.output.matching(/^no request needs/)).toHaveLength(app.closes ? RELOADS + 1 : 0);
  },
  TIMEOUT,
);

/** Resolves when that generation has exited by itself, with the time that it took from now on, ms. */
async function drained(supervisor: TestSupervisor, generation: number): Promise<number> {
  const start = performance.now();
  await supervisor.log.next(new RegExp(`generation ${generation} .* drained and exited with status 0$`));
  return performance.now() - start;
}

/** A release that isn't built. */
function withoutBuild(path: string): string {
  mkdirSync(`${path}/empty/app`, { recursive: true });
  for (const file of ["server.mjs", "zerodown.mjs"]) symlinkSync(`${NEXT.directory}${file}`, `${path}/empty/${file}`);
  return `${path}/empty`;
}

/** A release of which only a part was copied. */
function withoutPages(path: string): string {
  cpSync(`${NEXT.directory}.next/standalone`, `${path}/part`, { recursive: true });
  rmSync(`${path}/part/next/.next/server`, { recursive: true });
  return `${path}/part/next`;
}

// `next start` and standalone say that they listen before they have looked at what they serve.
const NOT_BUILT = { broken: withoutBuild, error: /Could not find a production build/ };
test.concurrent.each([
  ["a server of one's own", { ...NEXT_SERVER, ...NOT_BUILT }],
  ["next start with --settle", { ...NEXT_START, ...NOT_BUILT, options: ["--settle=60s"] }],
  ["standalone with --probe", { ...NEXT_STANDALONE, broken: withoutPages, error: /ENOENT.*preview-props/ }],
])(
  "Next.js, %s: the reload to a release that isn't built fails, and the old one serves on",
  async (_, { broken, error, ...app }) => {
    const { path, remove } = temporaryDirectory();
    closers.push(remove);
    symlinkSync(app.directory, `${path}/current`);
    const { address, supervisor } = start({ ...app, directory: `${path}/current` });
    await supervisor.serving(1);
    symlinkSync(broken(path), `${path}/next`);
    renameSync(`${path}/next`, `${path}/current`);
    expect(await supervisor.reload()).toMatch(
      /reload failed .* generation 2 .* (?:exited with status 1|failed its probe)/,
    );
    expect(supervisor.log.matching(error)).not.toEqual([]);
    expect(await ask(address)).toMatch(/generation 1/);
    expect(await supervisor.stop()).toEqual({ status: 0, signal: null });
  },
  TIMEOUT,
);

test("docs/node-frameworks.md shows the apps as they are", () => {
  const shown = readFileSync(`${ROOT}docs/node-frameworks.md`, "utf8").matchAll(/^```js\n(.*?)^```$/gms);
  const files = ["express", "fastify", "koa", "hono", "nest/main", "grpc/main"];
  files.push("ws", "socket.io", "next/server", "next/zerodown");
  const apps = files.map(file => readFileSync(`${FRAMEWORKS}${file}.mjs`, "utf8"));
  expect([...shown].map(([, text]) => text)).toEqual(apps);
});
