// A stream that is read and written without node:net, with a client of node:net at its other end.

import { closeSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Stream } from "../../../src/linux/sockets/stream.js";
import { native, SOCK_STREAM } from "../../../src/native/index.js";
import { leftovers, readable } from "../../support/native.js";
import { temporaryDirectory } from "../../support/supervisor.js";

/** More than the kernel takes for a client that doesn't read. */
const MUCH = Array.from({ length: 100 }, (_, index) => String(index).padStart(10_000, "."));

let left: ReturnType<typeof leftovers>;
let client: Socket;
let stream: Stream;
let received: string;
let events: string[];
let closed: Promise<void>;

beforeEach(async () => {
  left = leftovers();
  const { path, remove } = temporaryDirectory();
  const listening = native.bindUnix(SOCK_STREAM, `${path}/socket`);
  client = connect({ path: `${path}/socket`, allowHalfOpen: true });
  client.on("error", () => {});
  await readable(listening);
  const { fd } = native.accept(listening)!;
  closeSync(listening);
  remove();
  received = "";
  events = [];
  closed = new Promise(resolve => {
    stream = new Stream(fd, {
      onData: data => {
        received += data;
      },
      onEnd: () => void events.push("end"),
      onClose: () => {
        events.push("close");
        resolve();
      },
    });
  });
});
afterEach(async () => {
  stream.close();
  await closed;
  client.destroy();
  await new Promise(resolve => (client.closed ? resolve(undefined) : client.once("close", resolve)));
  expect(left()).toEqual({ fds: [], children: [] });
});

/** Resolves with all that the client gets until the end. */
async function all(): Promise<string> {
  let text = "";
  for await (const data of client) text += data;
  return text;
}

async function until(event: string): Promise<void> {
  while (!events.includes(event)) await new Promise(resolve => setImmediate(resolve));
}

test("both sides read what the other one writes, after one's end, too", async () => {
  client.end("from the client");
  await until("end");
  expect([received, stream.isEnded, stream.isClosed]).toEqual(["from the client", true, false]);
  stream.write("to ");
  stream.write("it");
  await stream.flushed();
  expect(stream.unsentBytes).toBe(0);
  stream.end();
  expect(await all()).toBe("to it");
  expect(events).toEqual(["end", "close"]);
});

test("what a client leaves unread waits, and comes in order, before the end", async () => {
  client.pause();
  for (const part of MUCH) stream.write(part);
  const waiting = stream.unsentBytes;
  expect(waiting).toBeGreaterThan(0);
  let isFlushed = false;
  const flushed = stream.flushed().then(() => {
    isFlushed = true;
  });
  await new Promise(resolve => setImmediate(resolve));
  expect([isFlushed, stream.unsentBytes]).toEqual([false, waiting]);
  stream.end();
  expect(stream.isClosed).toBe(false);
  expect(await all()).toBe(MUCH.join(""));
  await flushed;
  await closed;
  expect([stream.unsentBytes, events]).toEqual([0, ["close"]]);
});

test("a client that goes, and has left something unread, closes it; nobody waits for that any more", async () => {
  for (const part of MUCH) stream.write(part);
  const flushed = stream.flushed();
  client.destroy();
  await Promise.all([flushed, closed]);
  expect([stream.isClosed, stream.unsentBytes]).toEqual([true, 0]);
});

test("of a client that has ended, a write of nothing tells whether it is gone", async () => {
  client.end();
  await until("end");
  stream.write("");
  expect(stream.isClosed).toBe(false);
  client.destroy();
  await new Promise(resolve => client.once("close", resolve));
  stream.write("");
  expect(stream.isClosed).toBe(true);
});

test("close() tells of it once, and not before it has returned", async () => {
  stream.close();
  stream.close();
  stream.write("too late");
  expect(events).toEqual([]);
  await stream.flushed();
  await closed;
  expect(events).toEqual(["close"]);
});
