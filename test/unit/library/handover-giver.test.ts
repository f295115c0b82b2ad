// A process that is told to stop hands its kept connections over; the test takes them, or fails to.

import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { DONE, END, OK, start, stop, takes } from "../../support/handover-giver.js";
import { answerOn, endParties, readFrom } from "../../support/handover-party.js";
import { RawClient } from "../../support/node-app.js";

afterEach(endParties);

describe("an idle connection", () => {
  test("moves with what nobody has read yet, and the process ends at once", async () => {
    const { app, clients, end } = await start(1);
    await stop(app);
    takes(end);
    const { data, fds } = await end.next();
    expect(String(data)).toBe("SOCKET=0\nREQUESTS=1");
    // It comes during the step.
    clients[0]!.get("/next");
    end.say("TAKEN=1\nOPEN=1");
    expect(await app.ended).toEqual(END);
    expect(await readFrom(fds[0]!)).toMatch(/^GET \/next HTTP/);
    answerOn(fds[0]!, "done");
    expect(await clients[0]!.until(DONE)).not.toMatch(/Connection: close/);
    expect(app.output.matching(/got .next/)).toEqual([]);
    end.close();
  });

  test("moves when it has brought nothing yet", async () => {
    const { app, end } = await start(0);
    const client = new RawClient(app.port);
    // The other one was accepted after it.
    const other = new RawClient(app.port).get();
    await other.until(DONE);
    await stop(app);
    takes(end);
    const { data, fds } = await end.next();
    expect([fds.length, String(data)]).toEqual([2, "SOCKET=0\nREQUESTS=0 1"]);
    end.say("TAKEN=2\nOPEN=2");
    client.get("/first");
    expect(await readFrom(fds[0]!)).toMatch(/^GET \/first/);
    for (const fd of fds) closeSync(fd);
    expect(await app.ended).toEqual(END);
    end.close();
  });

  test("goes to the one that has fewest, where there are several", async () => {
    const { app, end: crowded } = await start(4);
    const empty = app.introduce("GIVE");
    // It hears both before it gives the first one away.
    takes(crowded, 6);
    takes(empty, 2);
    await stop(app);
    for (const fd of await empty.take(4)) closeSync(fd);
    expect((await crowded.next()).fds).toEqual([]);
    expect(await app.ended).toEqual(END);
    for (const end of [crowded, empty]) end.close();
  });

  test("is given once, and to another process when it comes back", async () => {
    const { app, clients, end } = await start(2);
    const [idle, busy] = clients as [RawClient, RawClient];
    busy.get("/?300");
    await app.output.next(/^got .\?300$/);
    await stop(app);
    takes(end);
    const { fds } = await end.next();
    const second = app.introduce("GIVE");
    takes(second);
    // That is the other one.
    const [first] = await second.take(1);
    busy.text = "";
    busy.get("/busy");
    expect(await readFrom(first!)).toMatch(/^GET \/busy/);
    expect(end.hasMore).toBe(false);
    closeSync(fds[0]!);
    end.close();
    const [back] = await second.take(1);
    idle.get("/idle");
    expect(await readFrom(back!)).toMatch(/^GET \/idle/);
    expect(await app.ended).toEqual(END);
    for (const fd of [first!, back!]) closeSync(fd);
    second.close();
  });

  test("is read by nobody while it is on its way, though its stream was paused and goes on", async () => {
    const program = `const server = http.createServer((request, response) => {
      console.log("got " + request.url);
      response.once("close", () => request.socket.pause()).end("done");
      process.once("SIGUSR2", () => {
        request.socket.resume();
        setTimeout(() => console.log("resumed"), 50);
      });
    })`;
    const { app, clients, end } = await start(1, program);
    await stop(app);
    takes(end);
    const { fds } = await end.next();
    app.signal("SIGUSR2");
    clients[0]!.get("/next");
    await app.output.next(/^resumed$/);
    end.say("TAKEN=1\nOPEN=1");
    expect(await readFrom(fds[0]!)).toMatch(/^GET \/next/);
    expect(app.output.matching(/got .next/)).toEqual([]);
    expect(await app.ended).toEqual(END);
    closeSync(fds[0]!);
    end.close();
  });

  test("once the one that takes its place says something, however late", async () => {
    const { app, clients, end } = await start(2);
    await stop(app);
    await sleep(1500);
    clients[0]!.text = "";
    expect(await clients[0]!.get("/again").until(DONE)).toMatch(/\r\nConnection: close\r\n/);
    takes(end);
    const [fd] = await end.take(1);
    clients[1]!.get("/next");
    expect(await readFrom(fd!)).toMatch(/^GET \/next/);
    expect(await app.ended).toEqual(END);
    closeSync(fd!);
    end.close();
  });

  test("with the number of its requests, where the server limits that", async () => {
    const { app, clients, end } = await start(1, `${OK}; server.maxRequestsPerSocket = 9;`);
    await clients[0]!.get().until(DONE);
    clients[0]!.text = "";
    await clients[0]!.get().until(DONE);
    await stop(app);
    takes(end);
    expect(String((await end.next()).data)).toBe("SOCKET=0\nREQUESTS=3");
    end.close();
  });
});

describe("a connection that isn't idle moves when it is:", () => {
  test("its response is under way, and says nothing of the end", async () => {
    const { app, clients, end } = await start(1);
    clients[0]!.get("/?300");
    await app.output.next(/^got .\?300$/);
    await stop(app);
    takes(end);
    const [fd] = await end.take(1);
    expect(await clients[0]!.until(DONE)).not.toMatch(/Connection: close/);
    clients[0]!.get("/next");
    expect(await readFrom(fd!)).toMatch(/^GET \/next/);
    expect(await app.ended).toEqual(END);
    closeSync(fd!);
    end.close();
  });

  test("half a request's head has come", async () => {
    const { app, clients, end } = await start(2);
    const [halved, other] = clients as [RawClient, RawClient];
    halved.send("GET /half HTTP/1.1\r\nHo");
    await other.get("/other").until(DONE);
    await stop(app);
    takes(end);
    // Only the other one is idle.
    const [first] = await end.take(1);
    halved.send("st: test\r\n\r\n");
    expect(await halved.until(DONE)).not.toMatch(/Connection: close/);
    expect(await app.output.next(/^got .half$/)).toBeDefined();
    const [second] = await end.take(1);
    halved.get("/next");
    expect(await readFrom(second!)).toMatch(/^GET \/next/);
    expect(await app.ended).toEqual(END);
    for (const fd of [first!, second!]) closeSync(fd);
    end.close();
  });

  test("pipelined requests have come, in one packet and after the stop", async () => {
    const { app, clients, end } = await start(1);
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    clients[0]!.send(get("/?200") + get("/?100") + get("/?50"));
    await app.output.next(/^got .\?50$/);
    await stop(app);
    clients[0]!.get("/?20");
    await app.output.next(/^got .\?20$/);
    takes(end);
    const [fd] = await end.take(1);
    await clients[0]!.until(/(?:late.*){4}$/s);
    expect(clients[0]!.text).not.toMatch(/Connection: close/);
    expect(await app.ended).toEqual(END);
    closeSync(fd!);
    end.close();
  });

  test("its response is still to be sent, since the client reads nothing", async () => {
    const size = 30e6;
    const program = `const server = http.createServer((request, response) => {
      if (request.url !== "/large") return response.end("done");
      response.end(Buffer.alloc(${size}, "x"));
      console.log("ended");
    })`;
    const { app, clients, end } = await start(2, program);
    const [slow, other] = clients as [RawClient, RawClient];
    slow.pause();
    slow.get("/large");
    await app.output.next(/^ended$/);
    await stop(app);
    takes(end);
    const [first] = await end.take(1);
    other.get("/next");
    expect(await readFrom(first!)).toMatch(/^GET \/next/);
    slow.resume();
    const [second] = await end.take(1);
    answerOn(second!, "done");
    await slow.until(/xdone$|done$/);
    expect(slow.text.length - slow.text.indexOf("\r\n\r\n") - 4).toBeGreaterThan(size);
    expect(await app.ended).toEqual(END);
    closeSync(first!);
    end.close();
  });

  test("the body of a request that was answered is still to come", async () => {
    const program = `const server = http.createServer((request, response) => { response.end("done"); request.resume(); })`;
    const { app, clients, end } = await start(1, program);
    clients[0]!.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345`);
    await clients[0]!.until(DONE);
    const other = new RawClient(app.port).get();
    await other.until(DONE);
    await stop(app);
    takes(end);
    const [first] = await end.take(1);
    clients[0]!.send("67890");
    const [second] = await end.take(1);
    other.get("/other");
    expect(await readFrom(first!)).toMatch(/^GET \/other/);
    expect(await app.ended).toEqual(END);
    for (const fd of [first!, second!]) closeSync(fd);
    end.close();
  });
});
