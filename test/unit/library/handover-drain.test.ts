// A process that is told to stop keeps the connections that nobody takes, and drains them.

import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { DONE, END, OK, start, stop, takes } from "../../support/handover-giver.js";
import { answerOn, endParties, Party, readFrom } from "../../support/handover-party.js";
import type { RawClient } from "../../support/node-app.js";

afterEach(endParties);

describe("a connection that can't move drains, and loses nothing:", () => {
  test("the one that takes its place says nothing", async () => {
    const { app, clients, end } = await start(3, OK, "{ idleGrace: 2500 }");
    await stop(app);
    // Each response could be the last one before the grace is over, so each client must know by then.
    const untilTold = async (client: RawClient) => {
      do {
        client.text = "";
        await client.get("/again").until(DONE);
        await sleep(50);
      } while (!/\r\nConnection: close\r\n/.test(client.text));
    };
    await Promise.all(clients.map(untilTold));
    expect(await app.ended).toEqual(END);
    end.close();
  });

  test("the one that takes its place ends without a word of what it was given, after the grace", async () => {
    const { app, clients, end } = await start(3, OK, "{ idleGrace: 300 }");
    takes(end);
    await stop(app);
    const { fds } = await end.next();
    expect(fds).toHaveLength(3);
    for (const client of clients) client.get("/again");
    await sleep(600);
    for (const fd of fds) closeSync(fd);
    end.close();
    for (const client of clients) await client.until(DONE);
    expect(await app.ended).toEqual(END);
  });

  /** All are asked again, and each answer says that it is the last one. */
  async function expectDrained(app: Party, clients: readonly RawClient[]): Promise<void> {
    for (const client of clients) client.get("/again");
    for (const client of clients) {
      // This one may have been read before it was known that nobody takes the connection.
      if (/keep-alive/.test(await client.until(DONE))) {
        client.text = "";
        client.get("/once-more");
      }
      expect(await client.until(DONE)).toMatch(/\r\nConnection: close\r\n/);
    }
    expect(await app.ended).toEqual(END);
  }

  test("the one that takes its place ends before it says anything", async () => {
    const { app, clients, end } = await start(3);
    await stop(app);
    end.close();
    await expectDrained(app, clients);
  });

  test("the one that takes its place ends with its queue full", async () => {
    const { app, clients, end } = await start(100);
    takes(end);
    await stop(app);
    const { fds } = await end.next();
    expect(fds).toHaveLength(16);
    for (const fd of fds) closeSync(fd);
    for (const client of clients) client.get("/again");
    end.close();
    for (const client of clients) await client.until(DONE);
    expect(await app.ended).toEqual(END);
    expect(app.output.matching(/^got .again$/)).toHaveLength(100);
  });

  test("what was said to be taken is, though the end comes with more in the queue", async () => {
    const { app, clients, end } = await start(60);
    takes(end);
    await stop(app);
    const { fds } = await end.next();
    end.say("TAKEN=16\nOPEN=16");
    end.close();
    for (const client of clients) client.get("/again");
    for (const fd of fds) {
      expect(await readFrom(fd)).toMatch(/^GET \/again HTTP.*\r\n\r\n$/s);
      answerOn(fd, "done");
    }
    for (const client of clients) await client.until(DONE);
    expect(await app.ended).toEqual(END);
    expect(app.output.matching(/^got .again$/)).toHaveLength(44);
  });

  test("it is refused, with a request that came meanwhile", async () => {
    const { app, clients, end } = await start(3);
    const before = app.openFds().length;
    takes(end);
    await stop(app);
    const { fds } = await end.next();
    expect(fds).toHaveLength(3);
    clients[2]!.get("/meanwhile");
    for (const fd of fds.slice(1)) closeSync(fd);
    end.say("TAKEN=1\nOPEN=1");
    await clients[2]!.until(DONE);
    expect(app.openFds().length).toBeLessThan(before);
    await clients[1]!.get("/again").until(DONE);
    expect(await app.ended).toEqual(END);
    closeSync(fds[0]!);
    expect(String((await end.next()).data)).toBe("");
    end.close();
  });
});

describe("nothing is offered", () => {
  test.each([
    ["with handover: false", OK, "{ handover: false }"],
    ["of a server with TLS", `import https from "node:https"; const server = https.createServer()`, "{}"],
    ["of HTTP/2", "const server = http2.createServer()", "{}"],
    ["of a protocol of its own", "const server = net.createServer()", "{}"],
  ])("%s", async (_, program, options) => {
    expect(await new Party(program, options).ready()).toBe(false);
  });
});
