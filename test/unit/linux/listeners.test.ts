// What processes listen on for themselves, as /proc tells.

import { randomInt } from "node:crypto";
import { closeSync, openSync, readFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { listensElsewhere, migratesRequests } from "../../../src/linux/sockets/listeners.js";
import { AF_INET, native, SOCK_STREAM } from "../../../src/native/index.js";
import { loopback } from "../../support/http-load.js";
import { ended, PYTHON, readable, spawn } from "../../support/native.js";

const opened: number[] = [];
const children: { pid: number; pidfd: number }[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    process.kill(child.pid, "SIGKILL");
    await ended(child);
  }
  for (const fd of opened.splice(0)) closeSync(fd);
});

/** Listens at these, and has a socket that is passed; resolves with its pid. */
async function listener(...addresses: [host: string, port: number][]): Promise<number> {
  const passed = native.bindInet(SOCK_STREAM, AF_INET, loopback().host, "", 8080, false);
  const [reader, writer] = native.pipe();
  opened.push(passed, reader, writer);
  const program = `import os, signal, socket
kept = [socket.create_server(address, family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        for address in ${JSON.stringify(addresses).replaceAll("[", "(").replaceAll("]", ",)")}]
os.write(4, b"x")
signal.pause()`;
  const child = spawn({ argv: [PYTHON, "-IS", "-c", program], fds: [passed, writer] });
  children.push(child);
  await readable(reader);
  return child.pid;
}

test("what is listened on is told with its address, but not by sockets that are ours, too, nor at a port of no number", async () => {
  const { host, port } = loopback();
  const high = randomInt(10_000, 30_000);
  const pid = await listener([host, port], ["::1", high], [host, 0]);
  expect([...listensElsewhere([pid, 2 ** 22 + 1]).addresses].sort()).toEqual([`${host}:${port}`, `[::1]:${high}`]);
  expect(listensElsewhere([process.pid]).addresses).toEqual([]);
});

test("a passed socket is ours, even where a lower descriptor is free, by which our own are read", async () => {
  const lower = openSync("/dev/null", "r");
  const pid = await listener([loopback().host, 0]);
  closeSync(lower);
  expect(listensElsewhere([pid]).addresses).toEqual([]);
});

test("whether what waits for a closed socket is moved to another one is what sysctl says", () => {
  const text = readFileSync("/proc/sys/net/ipv4/tcp_migrate_req", "utf8").trim();
  expect(migratesRequests()).toBe(text === "1");
});
