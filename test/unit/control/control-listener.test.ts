// The control socket's server is on its own here, with methods of the test.

import { renameSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { callSupervisor } from "../../../src/control/client.js";
import type { Method, Ticket } from "../../../src/control/connection.js";
import { ControlListener } from "../../../src/control/listener.js";
import { encode } from "../../../src/control/varlink.js";
import type { Stream } from "../../../src/linux/sockets/stream.js";
import { native, SOCK_STREAM } from "../../../src/native/index.js";
import { rawConnection } from "../../support/control.js";
import { eventually } from "../../support/eventually.js";
import { Lines } from "../../support/lines.js";
import { temporaryDirectory } from "../../support/supervisor.js";

let directory: ReturnType<typeof temporaryDirectory>;
let listener: ControlListener;
let problems: Lines;
beforeEach(() => {
  directory = temporaryDirectory();
  problems = new Lines();
});
afterEach(() => {
  listener.close();
  directory.remove();
});

type Methods = Parameters<typeof ControlListener.bind>[1];

function listen(methods: Methods): void {
  listener = ControlListener.bind(`${directory.path}/control`, methods, what => problems.add(`${what}\n`));
}

const call = (method: string) => callSupervisor(listener.path, method, {});

test.each<[string, Methods]>([
  [
    "a method that throws",
    async () =>
      new Map([
        [
          "tech.fornaxian.zerodown.Fails",
          () => {
            throw new Error("unforeseen");
          },
        ],
      ]),
  ],
  ["methods that can't be loaded", () => Promise.reject(new Error("unforeseen"))],
])("%s: it is told, and the client is cut off, each time", async (_, methods) => {
  listen(methods);
  // These are more clients than there are places for.
  for (let count = 0; count < 20; count++) {
    const from = problems.count;
    await expect(call("Fails")).rejects.toThrow("the supervisor ");
    expect(await problems.next(/./, from)).toMatch(/^the control socket cuts a client off: Error: unforeseen$/);
  }
});

test("a client that is slower than the progress of what it waits for misses some, learns the newest, and gets its result", async () => {
  const method = "tech.fornaxian.zerodown.Progresses";
  const much = "x".repeat(1000);
  const STEPS = 5000;
  let finish = (_: Record<string, unknown>) => {};
  const progresses: Method = (_, reply) => {
    for (let step = 1; step <= STEPS; step++) reply!({ step, much });
    return new Promise(resolve => (finish = resolve));
  };
  listen(async () => new Map([[method, progresses]]));
  const { socket, replies } = await rawConnection(listener.path);
  let text = "";
  socket.on("data", data => (text += data));
  socket.write(encode({ method, more: true }));
  await eventually(() => expect(text).toContain(`"step":${STEPS},`));
  expect(text.split("\0").length).toBeLessThan(STEPS / 2);
  finish({ done: true });
  socket.end();
  expect(await replies).toMatch(/"done":true\}\}\0$/);
});

test("parameters that are null are none, as to systemd; those that are no object end the connection", async () => {
  const method = "tech.fornaxian.zerodown.Echo";
  listen(async () => new Map<string, Method>([[method, parameters => ({ got: parameters })]]));
  const { socket, replies } = await rawConnection(listener.path);
  const sent = [{ method, parameters: null }, { method }, { method, parameters: { a: null } }];
  socket.end(sent.map(call => `${JSON.stringify(call)}\0`).join(""));
  expect(await replies).toBe([{}, {}, { a: null }].map(got => encode({ parameters: { got } })).join(""));
  for (const parameters of [[], "", 0, false]) {
    const { socket, replies } = await rawConnection(listener.path);
    socket.write(`${JSON.stringify({ method, parameters })}\0`);
    expect(await replies).toBe("");
  }
});

test("one that is adopted answers who came while nobody listened, and who comes then", async () => {
  const methods = (answer: string) => async () =>
    new Map([["tech.fornaxian.zerodown.Who", () => Promise.resolve({ answer })]]);
  listen(methods("the first"));
  expect(await call("Who")).toEqual({ answer: "the first" });
  // As when a program executes another one: the descriptor and the file stay, and all else of the first goes.
  const saved = { ...listener.save(), fd: native.duplicate(listener.save().fd), clients: [] };
  renameSync(saved.path, `${saved.path}.kept`);
  listener.close();
  renameSync(`${saved.path}.kept`, saved.path);
  const early = call("Who");
  listener = ControlListener.adopt(JSON.parse(JSON.stringify(saved)), methods("the second"), () => {});
  expect(await early).toEqual({ answer: "the second" });
  expect(await call("Who")).toEqual({ answer: "the second" });
});

test("a client's call that waits for its answer goes on in one that adopts it, and so does half a call", async () => {
  const answers = new Map<string, (ticket: Ticket) => Promise<Record<string, unknown>>>();
  const methods = async () =>
    new Map<string, Method>([
      ["tech.fornaxian.zerodown.Wait", (_, __, ___, ticket) => answers.get("Wait")!(ticket)],
      ["tech.fornaxian.zerodown.Who", async () => ({ answer: "the second" })],
    ]);
  const began = new Promise<void>(resolve => {
    answers.set("Wait", ticket => {
      ticket.asker = 7;
      resolve();
      return new Promise(() => {});
    });
  });
  listen(methods);
  const { socket, replies } = await rawConnection(listener.path);
  const text = ["Wait", "Who", "Who"].map(name => encode({ method: `tech.fornaxian.zerodown.${name}` })).join("");
  socket.write(text.slice(0, -10));
  await began;
  await listener.flushed();
  const { clients, ...saved } = listener.save();
  expect(clients).toEqual([expect.objectContaining({ asker: 7, calls: [expect.anything(), expect.anything()] })]);
  // As when a program executes another one: descriptors stay, and all else of the first goes.
  const kept = { ...saved, clients: clients.map(client => ({ ...client, fd: native.duplicate(client.fd) })) };
  const { clients: served } = listener as unknown as { clients: Set<{ connection: { stream: Stream } }> };
  for (const { connection } of served) connection.stream.close();
  listener.close();
  answers.set("Wait", async ticket => ({ ...ticket }));
  const adopted = { ...kept, fd: native.bindUnix(SOCK_STREAM, saved.path) };
  listener = ControlListener.adopt(JSON.parse(JSON.stringify(adopted)), methods, () => {});
  socket.end(text.slice(-10));
  const parameters = [{ asker: 7, isResumed: true }, { answer: "the second" }, { answer: "the second" }];
  expect(await replies).toBe(parameters.map(parameters => encode({ parameters })).join(""));
});
