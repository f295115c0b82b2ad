// Kept connections go from generation to generation, under a supervisor.

import { writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "@jest/globals";
import { zerodown } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { loopback } from "../../support/http-load.js";
import { killApps, PRELUDE, RawClient } from "../../support/node-app.js";
import { killSupervisors, ROOT, TestSupervisor, temporaryDirectory } from "../../support/supervisor.js";

afterEach(killApps);
afterEach(killSupervisors);

const APP = `${PRELUDE}
const { ZERODOWN_GENERATION: generation, ZERODOWN_WORKER: worker = "0" } = process.env;
const answer = async (request, response) => {
  const [path, milliseconds] = request.url.split("?");
  if (milliseconds) await sleep(Number(milliseconds));
  if (path === "/restart") await zerodown.restart();
  response.end("<" + generation + "/" + worker + ">");
};
const server = http.createServer(answer);
const options = JSON.parse(process.env.OPTIONS ?? "{}");
server.keepAliveTimeout = 60_000;
await serve(server, options);`;

function start(args: readonly string[] = [], options = {}) {
  const address = loopback();
  const supervisor = new TestSupervisor(
    [`--listen=${address.host}:${address.port}`, ...args, "--", process.execPath, "--input-type=module", "--eval", APP],
    { env: { OPTIONS: JSON.stringify(options) } },
  );
  const connect = () => new RawClient(address.port, address.host);
  return { supervisor, connect };
}

/** Who answers on a connection that is kept. */
async function ask(client: RawClient, path = "/"): Promise<string> {
  client.text = "";
  const text = await client.get(path).until(/\r\n\r\n<.*>$/);
  expect(text).not.toMatch(/Connection: close/);
  return /<(.*)>$/.exec(text)![1]!;
}

/** Resolves when who answers there is that one: until it hears of its end the old one answers, too. */
async function moved(client: RawClient, to: string): Promise<void> {
  await eventually(async () => expect(await ask(client)).toBe(to));
}

const drained = (generation: number) => new RegExp(`generation ${generation} .*drained and exited with status 0$`);

test("idle ones and busy ones go along, reload after reload, and the old generation ends with its last response", async () => {
  const { supervisor, connect } = start();
  await supervisor.serving(1);
  const [idle, busy, fresh] = [connect(), connect(), connect()];
  expect([await ask(idle), await ask(busy)]).toEqual(["1/0", "1/0"]);
  const fds = supervisor.openFds();
  for (const generation of [2, 3, 4]) {
    const late = ask(busy, "/?400");
    await supervisor.reload();
    await moved(idle, `${generation}/0`);
    expect(await late).toBe(`${generation - 1}/0`);
    await supervisor.log.next(drained(generation - 1));
    expect(await ask(busy)).toBe(`${generation}/0`);
  }
  expect(await ask(fresh)).toBe("4/0");
  await eventually(() => expect(supervisor.openFds()).toBe(fds));
  const before = performance.now();
  await supervisor.reload();
  await supervisor.log.next(drained(4));
  expect(performance.now() - before).toBeLessThan(2000);
  expect(await ask(busy)).toBe("5/0");
});

test("a response that outlasts a second reload goes on with the generation that serves then", async () => {
  const { supervisor, connect } = start();
  await supervisor.serving(1);
  const client = connect();
  await ask(client);
  const late = ask(client, "/?1500");
  await supervisor.reload();
  await supervisor.reload();
  await supervisor.log.next(drained(2));
  expect(await late).toBe("1/0");
  await moved(client, "3/0");
  await supervisor.log.next(drained(1));
});

test("so does one that outlasts an upgrade of the supervisor and then a reload", async () => {
  const { supervisor, connect } = start();
  await supervisor.serving(1);
  const [idle, client] = [connect(), connect()];
  await ask(idle);
  const late = ask(client, "/?5000");
  await supervisor.reload();
  await moved(idle, "2/0");
  const { status, stderr } = await zerodown(["upgrade", "--pid", String(supervisor.pid)]);
  expect([status, stderr]).toEqual([0, ""]);
  await supervisor.reload();
  await moved(idle, "3/0");
  expect(await late).toBe("1/0");
  await moved(client, "3/0");
  await supervisor.log.next(drained(1));
});

test("restart() in a request handler is answered on a connection that goes on", async () => {
  const { supervisor, connect } = start();
  await supervisor.serving(1);
  const client = connect();
  expect(await ask(client, "/restart")).toBe("1/0");
  await moved(client, "2/0");
});

describe("workers", () => {
  async function crew(...args: string[]) {
    const started = start(["--workers=3", ...args]);
    await started.supervisor.log.next(/serving: ready/);
    const clients = Array.from({ length: 30 }, started.connect);
    const slots = await Promise.all(clients.map(async client => (await ask(client)).slice("1/".length)));
    return { ...started, clients, slots };
  }

  test.each([[], ["--surge=1"]])("give their connections to those in their slots %s", async (...args) => {
    const { supervisor, clients, slots } = await crew(...args);
    await supervisor.reload();
    for (let slot = 0; slot < 3; slot++)
      await supervisor.log.next(new RegExp(`worker ${slot} of generation 1 .*drained`));
    expect(await Promise.all(clients.map(client => ask(client)))).toEqual(slots.map(slot => `2/${slot}`));
  });

  test("whose slot goes give theirs to those that stay, the emptiest first", async () => {
    const { supervisor, clients, slots } = await crew();
    supervisor.signal("SIGTTOU");
    await supervisor.log.next(/worker 2 of generation 1 .*drained/);
    const now = (await Promise.all(clients.map(client => ask(client)))).map(answer => answer.slice("1/".length));
    const stayed = slots.map((slot, index) => slot === "2" || slot === now[index]);
    expect(stayed).not.toContain(false);
    expect(new Set(now)).toEqual(new Set(["0", "1"]));
  });
});

test("a process in Python, that of docs/handover.md, takes them from its like and from Node, and gives them back", async () => {
  const { path, remove } = temporaryDirectory();
  const program = `${path}/program`;
  const python = `exec python3 ${ROOT}docs/examples/kept-connections.py`;
  writeFileSync(`${path}/app.mjs`, APP);
  const node = `exec ${process.execPath} ${path}/app.mjs`;
  const deploy = (text: string) => writeFileSync(program, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  const address = loopback();
  deploy(python);
  const supervisor = new TestSupervisor([`--listen=${address.host}:${address.port}`, "--", program]);
  await supervisor.serving(1);
  const clients = Array.from({ length: 40 }, () => new RawClient(address.port, address.host));
  let generation = 1;
  for (const next of [python, node, node, python, python]) {
    deploy(next);
    await supervisor.reload();
    await supervisor.log.next(drained(generation++));
    for (const client of clients) {
      client.text = "";
      const text = await client.get().until(/\r\n\r\n(?:<.*>|generation \d+\n)$/);
      expect(text).not.toMatch(/Connection: close/);
      expect(text).toMatch(new RegExp(next === node ? `<${generation}/0>$` : `generation ${generation}\n$`));
    }
  }
  remove();
});

test("10,000 connections go along, and requests are answered meanwhile", async () => {
  const { supervisor, connect } = start();
  await supervisor.serving(1);
  const clients: RawClient[] = [];
  while (clients.length < 10_000) {
    const more = Array.from({ length: 250 }, connect);
    await Promise.all(more.map(client => ask(client)));
    clients.push(...more);
  }
  await supervisor.reload();
  const answers = await Promise.all(clients.slice(0, 100).map(client => ask(client)));
  expect(answers.every(answer => /^[12]\/0$/.test(answer))).toBe(true);
  await supervisor.log.next(drained(1));
  for (let start = 0; start < clients.length; start += 250) {
    const some = clients.slice(start, start + 250);
    expect(new Set(await Promise.all(some.map(client => ask(client))))).toEqual(new Set(["2/0"]));
  }
  for (const client of clients) client.close();
}, 120_000);

test("with handover: false connections end, as their clients are told", async () => {
  const { supervisor, connect } = start([], { handover: false, idleGrace: 500 });
  await supervisor.serving(1);
  const client = connect();
  await ask(client);
  await supervisor.reload();
  do {
    client.text = "";
    await client.get().until(/\r\n\r\n<1.0>$/);
  } while (!/Connection: close/.test(client.text));
});
